"""The form of a monitor: what runs one has to know of it, whatever its events are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from stream_app.core.arrays import IntArray
from stream_app.events import Alert, Reason

__all__ = ["Delivery", "Monitor", "Outcome", "Refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that is set aside, and why."""

    offset: int
    reason: Reason
    message: str


class Delivery(Protocol):
    """Decoded events of any sources, in the order of their offsets."""

    @property
    def sources(self) -> Sequence[str]:
        """Whose each event is."""

    @property
    def offsets(self) -> Sequence[int] | IntArray:
        """Offsets of the records."""

    @property
    def record_ts(self) -> Any:
        """The records' own times, in epoch seconds."""

    def at(self, rows: Any, /) -> Self:
        """Return some of them, by their places, which ascend."""


class Outcome(Protocol):
    """Result of an update."""

    @property
    def counted(self) -> Mapping[str, int]:
        """Sources of which events were counted, each with the offset of its last one."""

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Events that were set aside."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """Alerts that began or ended, in the order of their events."""


class Monitor(Protocol):
    """Watches the sources of one partition."""

    def __contains__(self, source: str) -> bool: ...

    def __len__(self) -> int: ...

    def take(self, events: Any, partition: int = 0) -> Sequence[Outcome]:
        """Take a delivery."""

    def features_of(self, sources: Sequence[str]) -> Sequence[tuple[float, Mapping[str, float | None]]]:
        """Return of each source the time of its newest event, and its live features."""

    def forget(self, source: str) -> None:
        """Drop a source."""

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""

    def restore(self, source: str, state: Mapping[str, Any]) -> Sequence[str]:
        """Put a source back where its state was taken; a `StateError` says what is wrong with it.

        Returns
        -------
        sequence of str
            What of it could not be restored and starts cold, with the reason.
        """
