"""The protocol of monitors, and columns of decoded events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.history import ClosedBuckets
from stream_app.events import ONLY_LOG, Alert, LogId, Reason

__all__ = ["Calibrated", "Delivery", "EventArrivals", "Monitor", "Need", "Outcome", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused event, with the reason."""

    offset: int
    reason: Reason
    message: str


class Need(NamedTuple):
    """What a source would take in the store with an event.

    Parameters
    ----------
    size : int
        Bytes of its state and features.
    channels : tuple of str
        Of the event. Events of a source that name the same ones need the same.
    """

    size: int
    channels: tuple[str, ...] = ()


class Delivery(Protocol):
    """Decoded events of any sources, in the order of their offsets."""

    @property
    def sources(self) -> Sequence[str]:
        """Source of each event."""

    @property
    def offsets(self) -> Sequence[int] | IntArray:
        """Offsets of the records."""

    @property
    def record_ts(self) -> Any:
        """Timestamps of the records, epoch seconds."""

    def at(self, rows: Any, /) -> Self:
        """Return the events at some positions, ascending."""


class Outcome(Protocol):
    """Result of an update."""

    @property
    def counted(self) -> Mapping[str, int]:
        """Offset of the last counted event of each source."""

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Refused events."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """Alert transitions, in the order of their events."""

    @property
    def history(self) -> Sequence[ClosedBuckets]:
        """What is added to the history of sources."""


class Monitor(Protocol):
    """Monitor of the sources of one partition."""

    def __contains__(self, source: str) -> bool: ...

    def __len__(self) -> int: ...

    def take(
        self, events: Any, log: LogId = ONLY_LOG, sharers: FloatArray | None = None
    ) -> Sequence[Outcome]:
        """Take a delivery from a log, and for each event the sources that share the budget; where None, those of the monitor do."""

    def needs(self, events: Any) -> Mapping[int, Need]:
        """Return for each event, by its place, whose source is not here or names new channels, what that would then take."""

    def stored_size(self, source: str) -> int:
        """Return the bytes that a source that is here takes in the store: the same wherever and whenever it is asked."""

    def features_of(self, sources: Sequence[str]) -> Sequence[tuple[float, Mapping[str, float | None]]]:
        """Return of each source the time of its newest event, and its live features."""

    def open_buckets(self, sources: Sequence[str]) -> Sequence[ClosedBuckets]:
        """Return the open bucket of the history of each source, as it is now."""

    def forget(self, source: str) -> None:
        """Drop a source."""

    def size_of(self, source: str) -> int:
        """Return the memory that a source takes, in bytes, about."""

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""

    def restore(self, source: str, state: Mapping[str, Any]) -> Sequence[str]:
        """Put a source back where its state was taken; a `StateError` says what is wrong with it.

        Returns
        -------
        sequence of str
            What of it could not be restored and starts cold, with the reason.
        """


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A monitor, and by what it judges.

    Parameters
    ----------
    monitor : Monitor
        Of a partition.
    name : str
        Of the calibration.
    until : int
        Offset before which it must not change, because somebody else may have judged events by it.
    """

    monitor: Monitor
    name: str
    until: int = 0


Row = TypeVar("Row")


@dataclass(slots=True)
class EventArrivals(Generic[Row]):
    """Decoded events with their records; each kind of monitor names its rows.

    Parameters
    ----------
    rows : list
        The events, in the order of their offsets.
    offsets : list of int
        Offsets of the records.
    record_ts : list of float
        The records' own times, in epoch seconds.
    """

    rows: list[Row] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    record_ts: list[float] = field(default_factory=list)
