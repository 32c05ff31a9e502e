"""The quality report of one source."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.quality.records import ON_GONE, ON_MISSING, ON_RANGE, ON_STUCK

__all__ = ["ChannelQuality", "QualityReport", "quality_report"]

_CONDITIONS = (("range", ON_RANGE), ("missing", ON_MISSING), ("stuck", ON_STUCK), ("gone", ON_GONE))


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """Quality of one channel since the source was first seen.

    Parameters
    ----------
    channel : str
        Name of the channel.
    rows : int
        Events since its first value.
    missing : int
        Events among them without a finite value.
    missing_rate : float
        Their share, 0 without events.
    out_of_range : int
        Values outside of the declared limits.
    longest_run : int
        Longest run of equal values.
    learned : bool
        Whether the channel's habits are learned yet.
    active : tuple of str
        Names of the checks that are in alarm now.
    """

    channel: str
    rows: int
    missing: int
    missing_rate: float
    out_of_range: int
    longest_run: int
    learned: bool
    active: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Quality of one source since it was first seen.

    Parameters
    ----------
    events : int
        Number of events so far.
    start, end : float or None
        First and newest event time; None before the first event.
    rate : float or None
        Events a second of event time; None before two different times.
    period : float or None
        Median seconds between events; None until 32 were seen.
    silence_after : float or None
        Seconds without an event that count as silence; None until learned.
    active : tuple of str
        Checks of the whole source that are in alarm now.
    channels : tuple of ChannelQuality
        Those that have joined.

    Examples
    --------
    >>> QualityReport(0, None, None, None, None, None, (), ()).to_dict()["events"]
    0
    """

    events: int
    start: float | None
    end: float | None
    rate: float | None
    period: float | None
    silence_after: float | None
    active: tuple[str, ...]
    channels: tuple[ChannelQuality, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def quality_report(source: Any, channels: npt.NDArray[Any], names: Sequence[str]) -> QualityReport:
    """Read the report of a source from its records.

    Parameters
    ----------
    source : record of QUALITY_SOURCE
    channels : array of QUALITY_CHANNEL, shape (d,)
    names : sequence of str
        Of the channels.
    """
    events = int(source["events"])
    first, newest = float(source["first"]), float(source["newest"])
    on = (("missing", source["outage"]), ("silence", source["silent"]), ("burst", source["bursting"]))
    return QualityReport(
        events=events,
        start=first if events else None,
        end=newest if events else None,
        rate=(events - 1) / (newest - first) if newest > first else None,
        period=_or_none(source["period"]),
        silence_after=_or_none(source["silence"]),
        active=tuple(name for name, active in on if active),
        channels=tuple(_channel(c, name) for c, name in zip(channels, names, strict=True) if c["rows"]),
    )


def _or_none(number: float) -> float | None:
    return float(number) if np.isfinite(number) and number > 0.0 else None


def _channel(c: Any, name: str) -> ChannelQuality:
    rows, missing = int(c["rows"]), int(c["missing"])
    return ChannelQuality(
        channel=name,
        rows=rows,
        missing=missing,
        missing_rate=missing / rows,
        out_of_range=int(c["out_of_range"]),
        longest_run=max(int(c["longest"]), int(c["length"])),
        learned=bool(c["missing_begin"]),
        active=tuple(check for check, bit in _CONDITIONS if c["on"] & bit),
    )
