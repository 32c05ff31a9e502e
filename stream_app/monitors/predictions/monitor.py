"""The prediction monitor: events of models in, alerts, triggers and live features out."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.core.arrays import FloatArray
from stream_app.core.calibration import Calibration
from stream_app.core.history import ClosedBuckets
from stream_app.events import ONLY_LOG, Alert, LogId
from stream_app.monitors.base import Need
from stream_app.monitors.memory import bytes_of
from stream_app.monitors.predictions.outcome import Arrivals, Outcome
from stream_app.monitors.predictions.source import SourceMonitor
from stream_app.settings.predictions import MODEL_BYTES, PredictionStream

__all__ = ["PredictionMonitor"]


class PredictionMonitor:
    """Monitor of the models of one partition.

    The same events in the same order give the same alerts and states, wherever batches begin and end. A model that
    comes back after more than `source_ttl` of its own event time starts cold.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    name : str
        Name of the stream; part of each alert's identity.

    Notes
    -----
    About 40 µs a prediction with its label, 10 classes and 20 features, in batches of a few hundred. For what is
    watched, and what is guaranteed, see ``docs/performance.md``.

    Examples
    --------
    >>> from stream_app.events import PredictionRow
    >>> monitor = PredictionMonitor(PredictionStream())
    >>> rows = [
    ...     PredictionRow("m", ts=1.0, id="a", prediction="cat"),
    ...     PredictionRow("m", ts=2.0, id="b", prediction="dog", label="dog"),
    ...     PredictionRow("m", ts=9.0, id="a", label="dog"),
    ... ]
    >>> _ = monitor.take(Arrivals(rows, offsets=[0, 1, 2], record_ts=[1.0, 2.0, 9.0]))
    >>> _, features = monitor.features("m")
    >>> features["labelled"], features["accuracy"]
    (2, 0.5)
    """

    def __init__(
        self, config: PredictionStream, calibration: Calibration | None = None, *, name: str = "predictions"
    ) -> None:
        self._config = config
        self._reference = None if calibration is None else calibration.reference
        self._name = name
        self._sources: dict[str, SourceMonitor] = {}

    def take(
        self,
        events: Arrivals,
        log: LogId = ONLY_LOG,
        sharers: FloatArray | None = None,  # noqa: ARG002 the settings say how many models share the budget
    ) -> list[Outcome]:
        """Take events of any models, in the order of their offsets.

        Parameters
        ----------
        events : Arrivals
            At least one event.
        log : LogId
            Where they came from; part of the identity of their alerts.
        sharers
            Not used: the settings say how many models share the budget.
        """
        places: dict[str, list[int]] = {}
        for i, row in enumerate(events.rows):
            places.setdefault(row.source, []).append(i)
        if len(places) == 1:
            return [self.update(events.rows[0].source, events, log)]
        return [self.update(source, events.at(mine), log) for source, mine in places.items()]

    def update(self, source: str, arrivals: Arrivals, log: LogId = ONLY_LOG) -> Outcome:
        """Take events of one source, in the order of their offsets.

        Parameters
        ----------
        source : str
            Name of the model.
        arrivals : Arrivals
            At least one event.
        log : LogId
            Where they came from; part of the identity of their alerts.
        """
        outcomes, ended = list[Outcome](), list[Alert]()
        while True:
            monitor = self._sources.get(source)
            if monitor is None:
                monitor = self._sources[source] = SourceMonitor(
                    source, self._config, stream=self._name, reference=self._reference
                )
            look = monitor.intake.look(arrivals)
            whole = look.taken == len(arrivals.rows)
            if look.taken:
                piece = arrivals if whole else arrivals.at(range(look.taken))
                outcome = monitor.update(piece, look, log)
                outcome.alerts[:0] = ended
                outcomes.append(outcome)
            if whole:
                return outcomes[0] if len(outcomes) == 1 else Outcome.joined(outcomes)
            # It was away for too long, and starts cold with this event.
            ended = monitor.end_alerts(look.times[-1], arrivals.offsets[look.taken])
            del self._sources[source]
            arrivals = arrivals.at(range(look.taken, len(arrivals.rows)))

    def __contains__(self, source: str) -> bool:
        return source in self._sources

    def __len__(self) -> int:
        return len(self._sources)

    def sources(self) -> list[str]:
        """Names of all sources seen."""
        return list(self._sources)

    def features(self, source: str) -> tuple[float, Mapping[str, float | None]]:
        """Return the time of the newest event of a source, and its live features."""
        return self._sources[source].features()

    def features_of(self, sources: Sequence[str]) -> list[tuple[float, Mapping[str, float | None]]]:
        """Return time and live features of some sources."""
        return [self._sources[source].features() for source in sources]

    def open_buckets(self, sources: Sequence[str]) -> list[ClosedBuckets]:
        """Return the open bucket of the history of each source, as it is now."""
        return [bucket for source in sources for bucket in self._sources[source].history.open()]

    def forget(self, source: str) -> None:
        """Drop a source; unless it is restored, it starts cold with its next event."""
        gone = self._sources.pop(source, None)
        if gone is not None:
            # Its parts refer to it, so that it would stay until the garbage collector comes round.
            vars(gone).clear()

    def needs(self, events: Arrivals) -> dict[int, Need]:
        """Return for each event of a model that is not here, by its place, what that would take."""
        need = Need(MODEL_BYTES)
        return {i: need for i, row in enumerate(events.rows) if row.source not in self._sources}

    def stored_size(self, source: str) -> int:  # noqa: ARG002 a model's size follows from nothing that it names
        """Return the bytes that a model takes in the store, with its features."""
        return MODEL_BYTES

    def size_of(self, source: str) -> int:
        """Return the memory that a source takes, in bytes, about."""
        return bytes_of(self._sources[source])

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""
        return self._sources[source].state()

    def restore(self, source: str, state: Mapping[str, Any]) -> list[str]:
        """Put a source back where its state was taken.

        Returns
        -------
        list of str
            Why detectors of errors start cold.

        Raises
        ------
        OldStateError
            If it is of an older version.
        StateError
            If it is of a newer version or damaged.
        """
        self._sources[source] = restored = SourceMonitor.from_state(
            state, source, self._config, stream=self._name, reference=self._reference
        )
        return restored.performance.cold
