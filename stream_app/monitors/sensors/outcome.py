"""What a monitor makes of some readings."""

from dataclasses import dataclass

from stream_app.events import Alert
from stream_app.monitors.sensors.intake import Refusal

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update of one source.

    Parameters
    ----------
    source : str
        Whose.
    accepted : int
        Readings that were counted.
    last_offset : int or None
        Offset of the last of them; None if there was none.
    refusals : list of Refusal
        Readings that were set aside.
    alerts : list of Alert
        Alerts that began or ended, in the order of their events.
    """

    source: str
    accepted: int
    last_offset: int | None
    refusals: list[Refusal]
    alerts: list[Alert]
