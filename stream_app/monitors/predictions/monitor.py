"""The prediction monitor: events of models in, alerts, triggers and live features out."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from stream_app.monitors.predictions.arrivals import Arrivals
from stream_app.monitors.predictions.config import PredictionConfig
from stream_app.monitors.predictions.outcome import Outcome
from stream_app.monitors.predictions.source import SourceMonitor

__all__ = ["PredictionMonitor"]


class PredictionMonitor:
    """Watches the models of one partition.

    The same events in the same order give the same alerts and states, wherever batches begin and end. A model that
    comes back after more than `source_ttl` of its own event time starts cold.

    Parameters
    ----------
    config : PredictionConfig
        Settings.

    Notes
    -----
    About 40 µs a prediction with its label, 10 classes and 20 features, in batches of a few hundred. For what is
    watched, and what is guaranteed, see ``docs/performance.md``.

    Examples
    --------
    >>> from stream_app.events import PredictionRow
    >>> monitor = PredictionMonitor(PredictionConfig())
    >>> rows = [
    ...     PredictionRow("m", ts=1.0, id="a", prediction="cat"),
    ...     PredictionRow("m", ts=2.0, id="b", prediction="dog", label="dog"),
    ...     PredictionRow("m", ts=9.0, id="a", label="dog"),
    ... ]
    >>> _ = monitor.update("m", Arrivals(rows, offsets=[0, 1, 2], record_ts=[1.0, 2.0, 9.0]))
    >>> _, features = monitor.features("m")
    >>> features["labelled"], features["accuracy"]
    (2, 0.5)
    """

    def __init__(self, config: PredictionConfig) -> None:
        self._config = config
        self._sources: dict[str, SourceMonitor] = {}

    def update(self, source: str, arrivals: Arrivals, partition: int = 0) -> Outcome:
        """Take events of one source, in the order of their offsets.

        Parameters
        ----------
        source : str
            Whose.
        arrivals : Arrivals
            At least one event.
        partition : int
            Where they came from; part of the identity of their alerts.
        """
        outcomes = [monitor.update(piece, partition) for monitor, piece in self._pieces(source, arrivals)]
        return outcomes[0] if len(outcomes) == 1 else Outcome.joined(outcomes)

    def _pieces(self, source: str, arrivals: Arrivals) -> Iterator[tuple[SourceMonitor, Arrivals]]:
        """Split arrivals where the source starts cold; by its own times, and so wherever batches end."""
        monitor = self._sources.get(source)
        first = 0
        for last in [*self._returns(arrivals, monitor), len(arrivals.rows)]:
            if last > first:
                if monitor is None:
                    monitor = self._sources[source] = SourceMonitor(source, self._config)
                yield monitor, arrivals.between(first, last)
            monitor = None
            first = last

    def _returns(self, arrivals: Arrivals, monitor: SourceMonitor | None) -> list[int]:
        """Find the events before which the source was away for too long; those from the future say nothing."""
        ttl, max_future = self._config.source_ttl, self._config.max_future
        newest = -math.inf if monitor is None else monitor.intake.latest
        found = []
        for i, (row, record_ts) in enumerate(zip(arrivals.rows, arrivals.record_ts, strict=True)):
            if newest < row.ts <= record_ts + max_future:
                if row.ts - newest > ttl and not math.isinf(newest):
                    found.append(i)
                newest = row.ts
        return found

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

    def forget(self, source: str) -> None:
        """Drop a source; it starts cold when it comes again, unless it is restored before."""
        self._sources.pop(source, None)

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""
        return self._sources[source].state()

    def restore(self, source: str, state: Mapping[str, Any]) -> None:
        """Put a source back where its state was taken.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        self._sources[source] = SourceMonitor.from_state(state, source, self._config)
