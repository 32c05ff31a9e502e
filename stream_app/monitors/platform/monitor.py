"""The platform monitor: samples, completions of queries and changes in, alerts with causes and live features out."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.core.arrays import FloatArray
from stream_app.core.history import ClosedBuckets
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.metric_groups import Labels
from stream_app.events import ONLY_LOG, LogId
from stream_app.events.platform import MetricSample
from stream_app.monitors.base import Need
from stream_app.monitors.platform.intake import Intake
from stream_app.monitors.platform.outcome import Arrivals, Outcome, Watch
from stream_app.monitors.platform.snapshot import snapshot_of
from stream_app.monitors.platform.source import SourceMonitor
from stream_app.settings.platform import PLATFORM_BYTES, SERIES_BYTES, PlatformStream, platform_bytes

__all__ = ["PlatformMonitor"]


class PlatformMonitor:
    """Monitor of the platforms of one partition.

    The same events in the same order give the same alerts and states, wherever batches begin and end. A platform that
    comes back after more than `source_ttl` of its own event time starts cold.

    Parameters
    ----------
    config : PlatformStream
        Settings of the stream.
    name : str
        Name of the stream; part of each alert's identity.
    graph : CallGraph, optional
        Who calls whom, where the settings do not say it.
    watch : callable, optional
        Told of each window that closes: platform, series, what the detector says; for backtests.

    Examples
    --------
    >>> from stream_app.events.platform import MetricSample
    >>> monitor = PlatformMonitor(PlatformStream(window=60.0, lateness=0.0))
    >>> labels = (("instance", "worker-1:9100"),)
    >>> rows = [MetricSample("prod", 30.0 * i, "node_load1", labels, 1.0) for i in range(5)]
    >>> _ = monitor.take(Arrivals(rows, offsets=[0, 1, 2, 3, 4], record_ts=[row.ts for row in rows]))
    >>> _, features = monitor.features("prod")
    >>> features["nodes"], features["samples"], features["windows"]
    (1, 5, 2)
    """

    def __init__(
        self,
        config: PlatformStream,
        *,
        name: str = "platform",
        watch: Watch | None = None,
        graph: CallGraph | None = None,
    ) -> None:
        self._config = config
        self._graph = graph
        self._watch = watch
        self._name = name
        self._sources: dict[str, SourceMonitor] = {}
        self._unseen = Intake(config)
        """Says which series a platform that is not here would have."""

    def take(
        self,
        events: Arrivals,
        log: LogId = ONLY_LOG,
        sharers: FloatArray | None = None,  # noqa: ARG002 the settings say how many platforms share the budget
    ) -> list[Outcome]:
        """Take rows of any platforms, in the order of their offsets.

        Parameters
        ----------
        events : Arrivals
            At least one row.
        log : LogId
            Where they came from; part of the identity of their alerts.
        sharers
            Not used: the settings say how many platforms share the budget.
        """
        places: dict[str, list[int]] = {}
        for i, row in enumerate(events.rows):
            places.setdefault(row.source, []).append(i)
        if len(places) == 1:
            return [self.update(events.rows[0].source, events, log)]
        return [self.update(source, events.at(mine), log) for source, mine in places.items()]

    def update(self, source: str, arrivals: Arrivals, log: LogId = ONLY_LOG) -> Outcome:
        """Take rows of one platform, in the order of their offsets.

        Parameters
        ----------
        source : str
            Name of the platform.
        arrivals : Arrivals
            At least one row.
        log : LogId
            Where they came from; part of the identity of their alerts.
        """
        outcomes = list[Outcome]()
        while True:
            monitor = self._sources.get(source)
            if monitor is None:
                monitor = self._sources[source] = SourceMonitor(
                    source, self._config, stream=self._name, watch=self._watch, graph=self._graph
                )
            outcome, taken = monitor.update(arrivals, log)
            outcomes.append(outcome)
            if taken == len(arrivals.rows):
                return _joined(outcomes)
            # It was away for too long, and starts cold with this row.
            outcome.alerts.extend(monitor.end_alerts(arrivals.offsets[taken]))
            del self._sources[source]
            arrivals = arrivals.at(range(taken, len(arrivals.rows)))

    def __contains__(self, source: str) -> bool:
        return source in self._sources

    def __len__(self) -> int:
        return len(self._sources)

    def sources(self) -> list[str]:
        """Names of all platforms seen."""
        return list(self._sources)

    def features(self, source: str) -> tuple[float, Mapping[str, float | None]]:
        """Return the time of the newest event of a platform, and its live features."""
        return self._sources[source].features()

    def features_of(self, sources: Sequence[str]) -> list[tuple[float, Mapping[str, float | None]]]:
        """Return time and live features of some platforms."""
        return [self._sources[source].features() for source in sources]

    def windows_of(self, source: str) -> int:
        """Return how many windows of a platform closed."""
        return self._sources[source].detection.windows

    def snapshots_of(self, sources: Sequence[str]) -> list[dict[str, Any]]:
        """Return of each platform what the page shows of it; see `stream_app.monitors.platform.snapshot`."""
        return [snapshot_of(self._sources[source]) for source in sources]

    def open_buckets(self, sources: Sequence[str]) -> list[ClosedBuckets]:
        """Return the open bucket of the history of each platform, as it is now."""
        if not self._config.history:
            return []
        return [bucket for source in sources for bucket in self._sources[source].history.open()]

    def forget(self, source: str) -> None:
        """Drop a platform; unless it is restored, it starts cold with its next event."""
        gone = self._sources.pop(source, None)
        if gone is not None:
            # Its parts refer to it, so that it would stay until the garbage collector comes round.
            vars(gone).clear()

    def needs(self, events: Arrivals) -> dict[int, Need]:
        """Return for each row of a platform that is not here, or whose series need more room, by its place, what that would take."""
        needs: dict[int, Need] = {}
        coming: dict[str, set[tuple[str, Labels]]] = {}
        for i, row in enumerate(events.rows):
            monitor = self._sources.get(row.source)
            intake = self._unseen if monitor is None else monitor.intake
            new = coming.setdefault(row.source, set())
            if type(row) is MetricSample and intake.is_new(row, len(new)):
                new.add((row.name, row.labels))
            elif monitor is not None:
                continue
            size = platform_bytes(len(intake.registry) + len(new))
            if monitor is None or size > platform_bytes(len(intake.registry)):
                needs[i] = Need(size, (str(size),))
        return needs

    def stored_size(self, source: str) -> int:
        """Return the bytes that a platform takes in the store, with its features, at most."""
        return platform_bytes(len(self._sources[source].intake.registry))

    def size_of(self, source: str) -> int:
        """Return the memory that a platform takes, in bytes, about."""
        # Measured: its hundreds of thousands of objects are too many to be counted in a worker.
        return PLATFORM_BYTES + SERIES_BYTES * self._sources[source].series

    def state(self, source: str) -> dict[str, Any]:
        """State of one platform as plain values."""
        return self._sources[source].state()

    def restore(self, source: str, state: Mapping[str, Any]) -> list[str]:
        """Put a platform back where its state was taken; nothing of it starts cold.

        Raises
        ------
        OldStateError
            If it is of an older version.
        StateError
            If it is of a newer version or damaged.
        """
        self._sources[source] = SourceMonitor.from_state(
            state, source, self._config, stream=self._name, graph=self._graph
        )
        return []


def _joined(parts: Sequence[Outcome]) -> Outcome:
    """Join consecutive outcomes of one platform."""
    if len(parts) == 1:
        return parts[0]
    lasts = [part.last for part in parts if part.last is not None]
    return Outcome(
        parts[0].source,
        lasts[-1] if lasts else None,
        [refusal for part in parts for refusal in part.refusals],
        [alert for part in parts for alert in part.alerts],
        [buckets for part in parts for buckets in part.history],
    )
