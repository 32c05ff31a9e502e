"""The quality report of one source."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ChannelQuality", "QualityReport"]


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """Quality of one channel since the source was first seen.

    Parameters
    ----------
    channel : str
        Its name.
    rows : int
        Events since its first value.
    missing : int
        Events among them without a finite value.
    missing_rate : float
        Their share, 0 without events.
    out_of_range : int
        Values outside of the declared limits.
    beyond_sigma : int
        Values beyond the learned limits.
    longest_run : int
        Longest run of equal values.
    learned : bool
        Whether the channel's habits are learned yet.
    scale : float or None
        Learned robust standard deviation; None until learned, or where the reference was constant.
    active : tuple of str
        Names of the checks that are in alarm now.
    """

    channel: str
    rows: int
    missing: int
    missing_rate: float
    out_of_range: int
    beyond_sigma: int
    longest_run: int
    learned: bool
    scale: float | None
    active: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Quality of one source since it was first seen.

    Parameters
    ----------
    events : int
        Events taken.
    start, end : float or None
        First and newest event time; None before the first event.
    rate : float or None
        Events a second of event time; None before two different times.
    longest_gap : float
        Longest time between events, seconds.
    silence_after : float or None
        Seconds without an event that count as silence; None until learned.
    refused : dict of str to int
        Arrivals that the caller counted and did not pass on, by reason (``duplicate``, ``late``, …).
    refused_rate : float
        Their share of all arrivals.
    active : tuple of str
        Checks of the whole source that are in alarm now.
    channels : tuple of ChannelQuality
        In order of appearance.

    Examples
    --------
    >>> QualityReport(0, None, None, None, 0.0, None, {}, 0.0, (), ()).to_dict()["events"]
    0
    """

    events: int
    start: float | None
    end: float | None
    rate: float | None
    longest_gap: float
    silence_after: float | None
    refused: dict[str, int]
    refused_rate: float
    active: tuple[str, ...]
    channels: tuple[ChannelQuality, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)
