"""The form of a monitor that keeps sources apart, whatever their events are: what runs one has to know of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stream_app.core.arrays import IntArray
from stream_app.events import Alert, Reason

__all__ = ["CountedBatch", "Monitor", "SourceArrivals", "SourceOutcome", "SourceRefusal"]


class SourceArrivals(Protocol):
    """Decoded events of one source with the records they came in; made empty, and filled column by column."""

    rows: list[Any]
    """The events, in the order of their offsets."""
    offsets: list[int]
    """Offsets of the records."""
    record_ts: list[float]
    """The records' own times, in epoch seconds."""


class CountedBatch(Protocol):
    """The events that were counted."""

    @property
    def offsets(self) -> IntArray:
        """Offsets of the events, shape (n,)."""


class SourceRefusal(Protocol):
    """An event that is set aside, and why."""

    @property
    def offset(self) -> int:
        """Which."""

    @property
    def reason(self) -> Reason:
        """Why, in a word."""

    @property
    def message(self) -> str:
        """Why, in words."""


class SourceOutcome(Protocol):
    """Result of one update of one source."""

    @property
    def source(self) -> str:
        """Whose."""

    @property
    def batch(self) -> CountedBatch | None:
        """The events that were counted; None if there was none."""

    @property
    def refusals(self) -> Sequence[SourceRefusal]:
        """Events that were set aside."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """Alerts that began or ended, in the order of their events."""


class Monitor(Protocol):
    """Watches the sources of one partition."""

    def __contains__(self, source: str) -> bool: ...

    def __len__(self) -> int: ...

    def update(self, source: str, arrivals: Any, partition: int = 0) -> SourceOutcome:
        """Take events of one source, in the order of their offsets."""

    def features_of(self, sources: Sequence[str]) -> Sequence[tuple[float, Mapping[str, float | None]]]:
        """Return of each source the time of its newest event, and its live features."""

    def forget(self, source: str) -> None:
        """Drop a source."""

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""

    def restore(self, source: str, state: Mapping[str, Any]) -> None:
        """Put a source back where its state was taken; a `StateError` says what is wrong with it."""
