"""From labelled events to a better model: train, judge on what came later, register, try beside the champion, promote."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.core.slices import weak_slices
from stream_app.errors import DataError, StoreError, StreamgaugeError
from stream_app.events import AuditKind, PredictionRow
from stream_app.model_registry import (
    LoadedModel,
    ModelRegistry,
    RegisteredVersion,
    fingerprint,
    reference_statistics,
)
from stream_app.retraining.evaluation import Answers, answers_of, compared, figures, given_answers
from stream_app.retraining.job import Job
from stream_app.retraining.table import TrainingTable, split_by_time, table_of
from stream_app.retraining.trainers import train
from stream_app.retraining.trial import Beside, Trial, TrialEnd, run_trial

__all__ = ["Outcome", "Tell", "World", "retrain"]

Verdict: TypeAlias = Literal["promoted", "would promote", "kept"]


class Tell(Protocol):
    """Writes what was done to the audit log."""

    async def __call__(self, kind: AuditKind, subject: str, summary: str) -> None:
        """Write a record about the model.

        Parameters
        ----------
        kind : AuditKind
        subject : str
            The version; empty where there is none yet.
        summary : str
            One line for a person.
        """


@dataclass(frozen=True, slots=True)
class World:
    """What a retraining reads and writes.

    Parameters
    ----------
    registry : ModelRegistry
    labelled : callable
        Gives the labelled predictions to learn from.
    tell : Tell
        Writes to the audit log.
    live : callable or None
        Gives the events that come; None decides by the rows that came later, without a trial.
    history, beside : callable, optional
        Give the values of a feature view as of recorded events, and as of those that come.
    note : callable
        Told what goes on, a line a step.
    """

    registry: ModelRegistry
    labelled: Callable[[], Awaitable[Sequence[PredictionRow]]]
    tell: Tell
    live: Callable[[], AsyncIterator[Sequence[PredictionRow]]] | None = None
    history: Beside | None = None
    beside: Beside | None = None
    note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a retraining.

    Parameters
    ----------
    name : str
        Of the registered model.
    verdict : {'promoted', 'would promote', 'kept'}
        ``would promote`` where the new version is better and promotion was not allowed.
    reason : str
        One line for a person.
    version, champion : int or None
        Number of the new version, and of the champion it was compared with: None where no version is one, so that the
        answers in the events stand for it.
    learned, later : int
        Rows that were learned from, and rows that came later.
    challenger_figures, champion_figures : mapping of str to float
        On the rows that came later, the same ones for both.
    trial : TrialEnd or None
        None where there was none.
    seconds : mapping of str to float
        How long each step took.
    """

    name: str
    verdict: Verdict
    reason: str
    version: int
    champion: int | None
    learned: int
    later: int
    challenger_figures: Mapping[str, float]
    champion_figures: Mapping[str, float]
    trial: TrialEnd | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


async def retrain(job: Job, world: World, *, promote: bool = False, trigger: str = "") -> Outcome:
    """Train a model again, and find out whether the new one is better.

    The champion serves until `promote` is allowed and the challenger has won; whatever fails or is worse changes nothing
    but the list of versions and the audit log.

    Parameters
    ----------
    job : Job
    world : World
    promote : bool
        Whether a challenger that won becomes the champion.
    trigger : str
        Id of the trigger that asked for it, kept with the version.

    Raises
    ------
    StreamgaugeError
        If anything fails; the audit log says so, too.
    """
    try:
        return await _Run(job, world, promote=promote, trigger=trigger).run()
    except StreamgaugeError as error:
        try:
            await world.tell(AuditKind.RETRAINING_FAILED, "", f"{job.name}: retraining failed: {error}")
        except StoreError as lost:
            world.note(f"the audit log could not be told: {lost}")
        raise


class _Fitted:
    """A fresh model with the face of one from the registry."""

    def __init__(self, model: Any) -> None:
        self.estimator = model
        self.classes = [str(name) for name in np.asarray(model.classes_).tolist()]

    def predict(self, rows: npt.ArrayLike) -> npt.NDArray[Any]:
        return np.asarray(self.estimator.predict(rows))

    def predict_proba(self, rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return np.asarray(self.estimator.predict_proba(rows), dtype=np.float64)


class _Run:
    def __init__(self, job: Job, world: World, *, promote: bool, trigger: str) -> None:
        self.job, self.world, self.promote, self.trigger = job, world, promote, trigger
        self.seconds: dict[str, float] = {}

    async def run(self) -> Outcome:
        job, world = self.job, self.world
        began = time.monotonic()
        rows = await world.labelled()
        table = table_of(
            rows,
            features=job.settings.features,
            beside=None if world.history is None else await world.history(rows),
        )
        earlier, later = self._split(table)
        began = self._took("read", began)
        champion = await asyncio.to_thread(self._champion)
        world.note(
            f"learning from {len(earlier):,} rows with {len(table.features)} features by {job.settings.trainer}"
        )
        model = await asyncio.to_thread(
            train, job.settings.trainer, earlier.values, earlier.labels, job.settings.parameters
        )
        began = self._took("train", began)
        given = await asyncio.to_thread(_answers, champion, later)
        fresh = await asyncio.to_thread(answers_of, _Fitted(model), later.values)
        there = _answered(given)
        decision = compared(
            later.labels.tolist(), given, fresh, caring=job.settings.caring, minimum=job.settings.minimum
        )
        scores = figures(later.labels, fresh), figures(later.labels, given) if there else {}
        weak = await asyncio.to_thread(
            weak_slices, later.features, later.values, np.array(fresh.labels, dtype=object) != later.labels
        )
        version = await asyncio.to_thread(self._register, model, earlier, scores, champion, weak)
        began = self._took("judge and register", began)
        told = _told(scores[0])
        await world.tell(
            AuditKind.REGISTERED,
            str(version.number),
            f"{version.label}: trained on {len(earlier):,} rows; {told}",
        )
        world.note(
            f"registered {version.label}: {told} on {len(later):,} later rows; champion: {_told(scores[1])}"
        )
        trial, reason, better = None, f"on {len(later):,} later rows: {decision.summary}", False
        if there and decision.verdict == "keep":
            reason = f"{reason}; it was not tried on the live stream"
        else:
            await asyncio.to_thread(world.registry.challenge, job.name, version.number)
            if not there:
                better, reason = True, "there is no champion to compare with"
            elif world.live is None:
                better = decision.verdict == "switch"
            else:
                trial = await self._try(champion, version, world.live())
                better, reason = trial.decision.verdict == "switch", f"on the live stream: {trial.reason}"
                self._took("trial", began)
        verdict, reason = await self._settle(version, champion, better=better, reason=reason)
        return Outcome(
            job.name,
            verdict,
            reason,
            version.number,
            None if champion is None else champion.version.number,
            len(earlier),
            len(later),
            *scores,
            trial,
            self.seconds,
        )

    def _took(self, step: str, began: float) -> float:
        now = time.monotonic()
        self.seconds[step] = now - began
        return now

    def _split(self, table: TrainingTable) -> tuple[TrainingTable, TrainingTable]:
        settings = self.job.settings
        if len(table) < settings.min_rows:
            raise DataError(
                f"{len(table):,} labelled predictions of {self.job.source}; at least {settings.min_rows:,} are needed "
                "(min_rows)"
            )
        earlier, later = split_by_time(table, settings.later)
        if len(later) < settings.minimum:
            raise DataError(
                f"{len(later):,} rows came later; at least {settings.minimum:,} are needed to compare models (minimum, later)"
            )
        return earlier, later

    def _champion(self) -> LoadedModel | None:
        registry, name = self.world.registry, self.job.name
        if name not in registry.names():
            return None
        found = registry.champion(name)
        return None if found is None else registry.load(name, found.number)

    def _register(
        self,
        model: Any,
        earlier: TrainingTable,
        scores: tuple[Mapping[str, float], Mapping[str, float]],
        champion: LoadedModel | None,
        weak: list[dict[str, str | float]],
    ) -> RegisteredVersion:
        job = self.job
        source = f"{job.stream_name}/{job.source}"
        return self.world.registry.log(
            job.name,
            model,
            params={
                "trainer": job.settings.trainer,
                **{f"trainer.{name}": value for name, value in job.settings.parameters.items()},
                "later": job.settings.later,
                "champion": "" if champion is None else champion.version.number,
                "trigger": self.trigger,
            },
            metrics={
                **scores[0],
                **{f"champion.{name}": figure for name, figure in scores[1].items()},
            },
            data=fingerprint(
                earlier.values, earlier.features, labels=earlier.labels, times=earlier.times, source=source
            ),
            slices=weak,
            reference=reference_statistics(earlier.values, earlier.features),
        )

    async def _try(
        self,
        champion: LoadedModel | None,
        version: RegisteredVersion,
        live: AsyncIterator[Sequence[PredictionRow]],
    ) -> TrialEnd:
        job = self.job
        # What is tried is what would serve: the model as it comes out of the registry.
        challenger = await asyncio.to_thread(self.world.registry.load, job.name, version.number)
        self.world.note(f"trial: {version.label} beside the champion on the live stream")
        trial = Trial(job.source, champion, challenger, job.settings)
        return await run_trial(trial, live, job.settings, beside=self.world.beside, note=self.world.note)

    async def _settle(
        self, version: RegisteredVersion, champion: LoadedModel | None, *, better: bool, reason: str
    ) -> tuple[Verdict, str]:
        registry, tell = self.world.registry, self.world.tell
        number = str(version.number)
        if better:
            now = await asyncio.to_thread(registry.champion, self.job.name)
            number_now = None if now is None else now.number
            if number_now != (None if champion is None else champion.version.number):
                better, reason = (
                    False,
                    f"the champion is {number_now} now, and was not compared with; {reason}",
                )
        if not better:
            await tell(AuditKind.KEPT, number, f"{version.label} does not take over: {reason}")
            return "kept", reason
        if not self.promote:
            await tell(AuditKind.KEPT, number, f"{version.label} would be promoted (--promote): {reason}")
            return "would promote", reason
        await asyncio.to_thread(registry.promote, self.job.name, version.number)
        await tell(AuditKind.PROMOTED, number, f"{version.label} is the champion: {reason}")
        return "promoted", reason


def _answers(champion: LoadedModel | None, later: TrainingTable) -> Answers:
    if champion is None:
        return given_answers(later.rows)
    return answers_of(champion, later.columns(champion.features))


def _answered(given: Answers) -> bool:
    return any(label is not None for label in given.labels)


def _told(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {figure:.4g}" for name, figure in scores.items()) or "no answers"
