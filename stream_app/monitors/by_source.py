"""A monitor that keeps sources apart: each has its own state, and starts cold after a long absence."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from stream_app.events import Alert
from stream_app.monitors.arrivals import EventArrivals

__all__ = ["MonitorBySource", "SourceIntake", "WatchedSource"]


class Telling(Protocol):
    """Result of one update of one source."""

    @property
    def alerts(self) -> list[Alert]:
        """Alerts that began or ended, in the order of their events."""


Taken = TypeVar("Taken", bound=EventArrivals[Any])
Told = TypeVar("Told", bound=Telling)
Taken_contra = TypeVar("Taken_contra", bound=EventArrivals[Any], contravariant=True)
Told_co = TypeVar("Told_co", covariant=True)


class SourceIntake(Protocol):
    """Checks of one source."""

    @property
    def latest(self) -> float:
        """Newest time of all events but those from the future, of refused ones, too."""


class WatchedSource(Protocol[Taken_contra, Told_co]):
    """Everything a monitor knows of one source."""

    @property
    def intake(self) -> SourceIntake:
        """Its checks."""

    def update(self, arrivals: Taken_contra, partition: int) -> Told_co:
        """Take events of this source, in the order of their offsets."""

    def end_alerts(self, offset: int) -> list[Alert]:
        """End all alerts that fire, at the newest time: by this event the source starts cold."""

    def features(self) -> tuple[float, Mapping[str, float | None]]:
        """Return the time of the newest event, and the live features."""

    def state(self) -> dict[str, Any]:
        """Plain values."""


class MonitorBySource(ABC, Generic[Taken, Told]):
    """Watches the sources of one partition, each on its own.

    Parameters
    ----------
    source_ttl : float
        A source that comes back after more than so many seconds of its own event time starts cold.
    max_future : float
        Events more than so many seconds after their record's own time do not show that a source was away.
    """

    def __init__(self, *, source_ttl: float, max_future: float) -> None:
        self._source_ttl = source_ttl
        self._max_future = max_future
        self._sources: dict[str, WatchedSource[Taken, Told]] = {}

    @abstractmethod
    def _started(self, source: str) -> WatchedSource[Taken, Told]:
        """Make a source that knows nothing yet."""

    @abstractmethod
    def _resumed(self, source: str, state: Mapping[str, Any]) -> WatchedSource[Taken, Told]:
        """Make a source that goes on where its state was taken."""

    @abstractmethod
    def _joined(self, outcomes: Sequence[Told]) -> Told:
        """Make one outcome of several that follow each other."""

    def update(self, source: str, arrivals: Taken, partition: int = 0) -> Told:
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
        outcomes = []
        for ended, monitor, piece in self._pieces(source, arrivals):
            outcome = monitor.update(piece, partition)
            outcome.alerts[:0] = ended
            outcomes.append(outcome)
        return outcomes[0] if len(outcomes) == 1 else self._joined(outcomes)

    def _pieces(
        self, source: str, arrivals: Taken
    ) -> Iterator[tuple[list[Alert], WatchedSource[Taken, Told], Taken]]:
        """Split arrivals where the source starts cold, which ends its alerts; by its own times, wherever batches end."""
        monitor = self._sources.get(source)
        newest = -math.inf if monitor is None else monitor.intake.latest
        first, ended = 0, list[Alert]()
        for last in [*self._returns(arrivals, newest), len(arrivals.rows)]:
            if last > first:
                if monitor is None:
                    monitor = self._sources[source] = self._started(source)
                yield ended, monitor, arrivals.between(first, last)
            if monitor is not None and last < len(arrivals.rows):
                ended = monitor.end_alerts(arrivals.offsets[last])
            monitor = None
            first = last

    def _returns(self, arrivals: Taken, newest: float) -> list[int]:
        """Find the events before which the source was away for too long; those from the future say nothing."""
        ttl, max_future = self._source_ttl, self._max_future
        ts = arrivals.ts
        if ts.max() - (ts.min() if math.isinf(newest) else newest) <= ttl:
            return []
        found = []
        for i, (time, record_ts) in enumerate(zip(ts.tolist(), arrivals.record_ts, strict=True)):
            if newest < time <= record_ts + max_future:
                if time - newest > ttl and not math.isinf(newest):
                    found.append(i)
                newest = time
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

    def features_of(self, sources: Sequence[str]) -> list[tuple[float, Mapping[str, float | None]]]:
        """Return the same of some sources; where windows can be summarised together, faster than one by one."""
        return [self._sources[source].features() for source in sources]

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
        OldStateError
            If it is of an older version that cannot be upgraded.
        StateError
            If it is of a newer version or damaged.
        """
        self._sources[source] = self._resumed(source, state)
