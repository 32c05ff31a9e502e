"""The run of a backtest of predictions: events in, what a worker would tell out."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter

from stream_app.backtesting.episodes import AlertEpisode, episodes_of
from stream_app.backtesting.incidents import IncidentEpisode, incidents_of, last_states
from stream_app.backtesting.predictions.judge import JudgedPredictions, judge_predictions
from stream_app.backtesting.predictions.model import ModelFigures, ModelTally
from stream_app.backtesting.verdict import nearly_nothing
from stream_app.core.calibration import Calibration
from stream_app.core.reference import ReferenceTable
from stream_app.events import Alert, PredictionRow, Rejected, RetrainingTrigger
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.monitors.predictions.source import SourceMonitor
from stream_app.settings import PredictionStream

__all__ = ["EVERY", "PredictionBacktest", "Watch"]

BATCH = 1000
"""Events that the monitor takes at once."""
EVERY = 250
"""The same where models are looked at for a report: live figures are taken where a batch ends."""

Watch = Callable[[str, float, Mapping[str, float | None]], None]
"""Told a model, the time of its newest event and its live features."""


class PredictionBacktest:
    """Run the monitor of a stream of predictions over events, and keep what it tells.

    The monitor is the one that a worker runs, fed from memory in place of Kafka. Events may come in pieces of any size,
    with the same result.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    watch : callable, optional
        Told of a model about every `EVERY` events of it; for reports.
    name : str
        Name of the stream.
    period : float, optional
        Seconds between rows that have no times of their own; alerts are then told by the events at which they began.
    reference : ReferenceTable, optional
        Normal features.

    Examples
    --------
    >>> answers = [
    ...     PredictionRow("spam", float(i), str(i), prediction="ham", label="ham" if i % 2 else "spam") for i in range(1000)
    ... ]
    >>> backtest = PredictionBacktest(PredictionStream(baseline_accuracy=0.9))
    >>> judged = backtest.update(answers)
    >>> [alert.detector for alert in judged.alerts], backtest.models()["spam"].features["accuracy"]
    (['accuracy'], 0.5)
    """

    def __init__(
        self,
        config: PredictionStream,
        watch: Watch | None = None,
        *,
        name: str = "predictions",
        period: float | None = None,
        reference: ReferenceTable | None = None,
    ) -> None:
        self.name = name
        self.period = period
        self.config = config
        self.seconds = 0.0
        """Time spent in the monitor."""
        self.events = 0
        """Events taken so far."""
        self.alerts: list[Alert] = []
        """Alerts that began or ended so far, in the order of the events."""
        self.triggers: list[RetrainingTrigger] = []
        """Reasons to train again so far, in the order of the events."""
        self.refused: Counter[str] = Counter()
        """Events that a worker would put to the dead letters, by reason."""
        self.first_refusals: dict[str, str] = {}
        """The first event that was refused for each reason, and why."""
        self._watch = watch
        self._step = BATCH if watch is None else EVERY
        self._monitor = PredictionMonitor(config, Calibration(reference), name=name)
        # River takes its time to load, once: no time of the monitor's.
        SourceMonitor("any", config)
        self._tallies: dict[str, ModelTally] = {}
        self._unseen: Counter[str] = Counter()
        self._places: dict[str, str] = {}

    def update(
        self, events: Sequence[PredictionRow | Rejected], named: Callable[[int], str] | None = None
    ) -> JudgedPredictions:
        """Take the next events of the input.

        Parameters
        ----------
        events : sequence of PredictionRow or Rejected
            Of any models, mixed as they come, as `stream_app.events.decode_predictions` gives them.
        named : callable, optional
            Says which the i-th of these events is, for what is told of one that is refused.

        Returns
        -------
        JudgedPredictions
            What is told of these events; offsets count the events of the whole input from 0.
        """
        all_judged = JudgedPredictions()
        begin = 0
        while begin < len(events):
            # Borders stand at the same events whatever pieces they come in: there models are looked at.
            end = min(begin + self._step - self.events % self._step, len(events))
            piece, first = events[begin:end], self.events
            started = perf_counter()
            judged = judge_predictions(self._monitor, piece, first)
            self.seconds += perf_counter() - started
            self.events += len(piece)
            self._keep(judged)

            def which(offset: int, at: int = begin - first) -> str:
                return _name(events[at + offset], offset) if named is None else named(at + offset)

            for refusal in judged.refusals:
                self.first_refusals.setdefault(
                    refusal.reason.value, f"{which(refusal.offset)}: {refusal.message}"
                )
            begun = [alert for alert in judged.alerts if alert.begins]
            self._places |= {alert.id: which(alert.offset) for alert in begun}
            self._places |= {trigger.id: which(trigger.offset) for trigger in judged.triggers}
            all_judged.add(judged)
            self._look(piece)
            begin = end
        return all_judged

    def episodes(self) -> list[AlertEpisode]:
        """Return the alerts so far from beginning to end, in the order in which they began."""
        return [
            replace(episode, place=self._places[episode.began.id], timed=self.period is None)
            for episode in episodes_of(self.alerts)
        ]

    def incidents(self) -> list[IncidentEpisode]:
        """Return the incidents so far with their alerts, in the order in which they began."""
        return incidents_of(self.episodes(), last_states(self.alerts))

    def place(self, trigger: RetrainingTrigger) -> str:
        """Say which event gave a reason to train again."""
        return self._places[trigger.id]

    def models(self) -> dict[str, ModelFigures]:
        """Return what was measured so far of each model, in the order of their first events."""
        return {
            name: tally.figures(self.config.versions, *self._monitor.features(name))
            for name, tally in self._tallies.items()
        }

    def unjudged(self, left_out: Mapping[str, int]) -> str | None:
        """Return why nothing or nearly nothing was judged, and the remedy; None where enough was.

        Parameters
        ----------
        left_out : mapping of str to int
            Rows that are no events, by reason.
        """
        models = self.models()
        answers = sum(model.labels["predictions"] for model in models.values() if model.labels)
        if self.refused.total() + sum(left_out.values()) > answers:
            return (
                f"{nearly_nothing(self.refused, left_out, self.first_refusals)}, and {answers:,} answers taken; "
                "name the columns with --prediction-column and --label-column"
            )
        if not answers:
            return "nothing was judged: no row has a prediction; name its column with --prediction-column"
        labelled = {name: int(model.features["labelled"] or 0) for name, model in models.items()}
        if not any(labelled.values()):
            return (
                f"nothing was judged: none of {answers:,} answers has its truth, or it comes after label_within; name its column "
                "with --label-column"
            )
        longest = max(labelled, key=lambda name: labelled[name])
        # A known accuracy is held against the first answers, too.
        if self.config.baseline_accuracy is None and labelled[longest] <= self.config.baseline:
            return (
                f"nothing was judged: the first {self.config.baseline:,} labelled answers of a model are its baseline, and "
                f"{longest} has {labelled[longest]:,} at most; set a shorter baseline in the monitor file, or give more data"
            )
        return None

    def _keep(self, judged: JudgedPredictions) -> None:
        self.alerts += judged.alerts
        self.triggers += judged.triggers
        self.refused.update(refusal.reason.value for refusal in judged.refusals)
        for name, counts in judged.labels.items():
            self._tallies.setdefault(name, ModelTally()).labels.update(counts)
        for alert in judged.alerts:
            self._tallies[alert.source].tell(alert)
        for trigger in judged.triggers:
            self._tallies[trigger.source].triggers += 1
        for seen in judged.versions:
            self._tallies[seen.source].versions[seen.subject] = None

    def _look(self, piece: Sequence[PredictionRow | Rejected]) -> None:
        """Tell the watcher of the models that had enough events since it was told last."""
        if self._watch is None:
            return
        self._unseen.update(event.source for event in piece if isinstance(event, PredictionRow))
        if self.events % EVERY == 0:
            for name in [name for name, count in self._unseen.items() if count >= EVERY]:
                del self._unseen[name]
                self._watch(name, *self._monitor.features(name))


def _name(event: PredictionRow | Rejected, offset: int) -> str:
    if isinstance(event, Rejected):
        return f"event {offset + 1}"
    return f"{event.source}, id {event.id!r}"
