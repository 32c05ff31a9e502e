"""The champion and its challenger side by side, over events as they come."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stream_app.core.challenger import Comparison, Decision
from stream_app.errors import DataError
from stream_app.events import PredictionRow
from stream_app.model_registry import LoadedModel
from stream_app.retraining.evaluation import CHALLENGER_NAME, CHAMPION_NAME, answers_of
from stream_app.retraining.joined import LabelledPredictions
from stream_app.retraining.table import values_of
from stream_app.settings import ModelRetraining

__all__ = ["Beside", "Trial", "TrialEnd", "run_trial"]

Beside: TypeAlias = Callable[[Sequence[PredictionRow]], Awaitable[Sequence[Mapping[str, float | None]]]]
"""Gives what is known beside events, such as values of a feature view as of their times."""

_WAITING = 100_000
"""Answers that wait for their labels."""

_TOLD_SECONDS = 10.0


class Trial:
    """Both models over the same events: each answers when the event comes, and is judged when its label does.

    Parameters
    ----------
    source : str
        The model, as events name it.
    champion : LoadedModel or None
        Answers by itself; None takes the answers in the events.
    challenger : LoadedModel
    settings : ModelRetraining
    """

    def __init__(
        self,
        source: str,
        champion: LoadedModel | None,
        challenger: LoadedModel,
        settings: ModelRetraining,
    ) -> None:
        self._champion = champion
        self._challenger = challenger
        self._joined = LabelledPredictions(source, most=_WAITING)
        self._answers: OrderedDict[str, tuple[str | None, str | None]] = OrderedDict()
        self._comparison = Comparison(
            (CHAMPION_NAME, CHALLENGER_NAME), caring=settings.caring, minimum=settings.minimum
        )
        self.judged = 0
        """Answers of each with their label."""
        self.decision: Decision = self._comparison.decide()

    @property
    def predictions(self) -> int:
        """Predictions that came."""
        return self._joined.predictions

    def take(
        self, rows: Sequence[PredictionRow], beside: Sequence[Mapping[str, float | None]] = ()
    ) -> Decision:
        """Take events in their order; return the decision so far.

        Parameters
        ----------
        rows : sequence of PredictionRow, length n
        beside : sequence of mapping, length n or none
            See `stream_app.retraining.table.values_of`.

        Raises
        ------
        UnusableModelError
            If a model cannot answer.
        """
        self._answer(rows, beside)
        for row in rows:
            known = self._joined.add(row)
            answers = None if known is None else self._answers.pop(known.id, None)
            if known is None or answers is None or self.decision.choice is not None:
                continue
            self.judged += 1
            for name, answer in zip((CHAMPION_NAME, CHALLENGER_NAME), answers, strict=True):
                self._comparison.update(name, answer == known.label, known.id)
        if self.decision.choice is None:
            self.decision = self._comparison.decide()
        return self.decision

    def _answer(self, rows: Sequence[PredictionRow], beside: Sequence[Mapping[str, float | None]]) -> None:
        asked = [
            at
            for at, row in enumerate(rows)
            if row.source == self._joined.source
            and (row.prediction is not None or row.failed)
            and row.id not in self._answers
        ]
        if not asked:
            return
        events, known = [rows[at] for at in asked], [beside[at] for at in asked] if beside else []
        said = [
            answers_of(model, values_of(events, model.features, known)).labels if model else None
            for model in (self._champion, self._challenger)
        ]
        champion = said[0] or tuple(event.prediction for event in events)
        for event, one, other in zip(events, champion, said[1] or (), strict=True):
            self._answers.setdefault(event.id, (one, other))
        while len(self._answers) > _WAITING:
            self._answers.popitem(last=False)


@dataclass(frozen=True, slots=True)
class TrialEnd:
    """How a trial ended.

    Parameters
    ----------
    decision : Decision
    ended_by : {'decision', 'answers', 'time'}
        What ended it.
    answers : int
        Labelled answers of each model.
    seconds : float
        How long it took.
    """

    decision: Decision
    ended_by: Literal["decision", "answers", "time"]
    answers: int
    seconds: float

    @property
    def reason(self) -> str:
        """One line for a person."""
        if self.ended_by == "decision":
            return self.decision.summary
        after = f"{self.answers:,} answers" if self.ended_by == "answers" else f"{self.seconds:,.0f} s"
        return f"{self.decision.summary}; the trial ended after {after}"


async def run_trial(
    trial: Trial,
    live: AsyncIterator[Sequence[PredictionRow]],
    settings: ModelRetraining,
    *,
    beside: Beside | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> TrialEnd:
    """Let both models answer until one is better, or time or answers are up.

    Parameters
    ----------
    trial : Trial
    live : async iterator of sequences of PredictionRow
        Events as they come; an empty one now and then while none does.
    settings : ModelRetraining
        Its bounds.
    beside : callable, optional
        Gives further numbers of events.
    note : callable
        Told the state every ten seconds.

    Raises
    ------
    DataError
        If no answer was judged until the time was up.
    """
    began = told = time.monotonic()
    async for rows in live:
        decision = trial.take(rows, await beside(rows) if beside is not None and rows else ())
        now = time.monotonic()
        if decision.choice is not None:
            return TrialEnd(decision, "decision", trial.judged, now - began)
        if trial.judged >= settings.trial_answers:
            return TrialEnd(decision, "answers", trial.judged, now - began)
        if now - began >= settings.trial_for:
            break
        if now - told >= _TOLD_SECONDS:
            told = now
            note(f"trial: {trial.judged:,} labelled answers; {decision.summary}")
    if trial.judged:
        return TrialEnd(trial.decision, "time", trial.judged, time.monotonic() - began)
    came = (
        f"{trial.predictions:,} predictions came and no label" if trial.predictions else "no prediction came"
    )
    raise DataError(
        f"the trial decided nothing: {came} within {settings.trial_for:g} s; are events sent to the topic, and labels with "
        "the ids of their predictions? A longer trial is set by trial_for"
    )
