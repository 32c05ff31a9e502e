"""The sensor reading: values of some channels of one source at one instant."""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = [
    "FIRST_SMALL_TS",
    "MAX_CHANNELS",
    "MAX_NAME",
    "MAX_TS",
    "ChannelName",
    "EventTime",
    "SensorReading",
    "SourceName",
    "parse_event_time",
]

MAX_NAME = 256
"""Longest name of a source or a channel, in characters: names become Redis keys, so they are bounded."""

MAX_CHANNELS = 512
"""Most channels in one reading: each costs memory in the worker."""

MAX_TS = 4_102_444_800.0
"""2100-01-01 in epoch seconds. Larger numbers are nearly always milliseconds by mistake."""

FIRST_SMALL_TS = 31_536_000.0
"""1971-01-01 in epoch seconds. Smaller times in smaller units are nearly always seconds by mistake."""


_LEAP_SECOND = re.compile(r"(.*T\d\d:\d\d:)60(.*)")


def parse_event_time(value: Any, *, per_second: float = 1.0, zone: tzinfo = UTC) -> float:
    """Turn a time of an event into epoch seconds.

    Parameters
    ----------
    value : float, int or str
        A number since 1970 or a text such as ``2020-03-09T10:14:33Z``.
    per_second : float
        Units of a number in a second, such as 1000 for milliseconds.
    zone : tzinfo
        Time zone of a text without an offset.

    Returns
    -------
    float
        Epoch seconds, between 0 and `MAX_TS`.

    Raises
    ------
    ValueError
        If it is neither, or outside the years 1970 to 2099; in units other than seconds, 1971 to 2099.

    Examples
    --------
    >>> parse_event_time("1970-01-01T00:01:00Z"), parse_event_time(1583748873500, per_second=1000.0)
    (60.0, 1583748873.5)
    >>> parse_event_time(1583748873000)
    Traceback (most recent call last):
    ValueError: the time 1583748873000 is after the year 2099; seconds are expected, are these milliseconds?
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a time is a number of epoch seconds or an RFC 3339 text")  # noqa: TRY004 pydantic reports ValueErrors
    if isinstance(value, str):
        try:
            stamp = _instant(value.upper(), zone)  # RFC 3339 allows t and z
        except (ValueError, OverflowError):
            raise ValueError(f"the time {value[:40]!r} is not RFC 3339, like 2020-03-09T10:14:33Z") from None
        seconds = stamp.timestamp()
    else:
        try:
            seconds = value / per_second
        except OverflowError:
            seconds = math.inf if value > 0 else -math.inf
        if per_second > 1.0 and 0.0 <= seconds < FIRST_SMALL_TS:
            raise ValueError(f"the time {value} is before 1971; are these seconds? see time_unit")
    if not seconds >= 0:
        raise ValueError(f"the time {value} is before 1970")
    if seconds >= MAX_TS:
        # The unit that is expected is the stream's, so only for seconds it is plain what was sent.
        hint = "; seconds are expected, are these milliseconds?" if per_second == 1.0 else ""
        raise ValueError(f"the time {value} is after the year 2099{hint}")
    return float(seconds)


def _instant(text: str, zone: tzinfo) -> datetime:
    """Read an RFC 3339 text; a leap second is the second after it, as in POSIX time."""
    leap = _LEAP_SECOND.fullmatch(text)
    stamp = datetime.fromisoformat(f"{leap[1]}59{leap[2]}" if leap else text)
    stamp = stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)
    if leap is None:
        return stamp
    stamp = stamp.astimezone(UTC)
    after = stamp.replace(microsecond=0) + timedelta(seconds=1)
    if (after.day, after.hour, after.minute, after.second) != (1, 0, 0, 0):
        raise ValueError("a leap second ends a month")
    return after


def _number(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("a number is expected, not a text")  # noqa: TRY004 pydantic reports ValueErrors
    return value


SourceName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, strict=True)]
ChannelName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, strict=True)]
EventTime = Annotated[float, BeforeValidator(parse_event_time)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]


class SensorReading(BaseModel):
    """A sensor reading.

    Unknown top-level fields are kept. A channel whose value is null was not measured.

    Parameters
    ----------
    source : str
        Who measured; also the Kafka key.
    ts : float or str
        When, in epoch seconds or RFC 3339.
    values : dict of str to float or None
        What: channel to finite number; null where it is missing.
    labels : dict, optional
        Ground truth and other remarks; the monitor never looks at them.
    id : str, optional
        Identity of the event, for producers that may send one twice.

    Examples
    --------
    >>> SensorReading.model_validate_json('{"source": "pump-1", "ts": 10, "values": {"flow": 3}}').values
    {'flow': 3.0}
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    source: SourceName
    ts: EventTime
    values: Annotated[dict[ChannelName, Number | None], Field(min_length=1, max_length=MAX_CHANNELS)]
    labels: dict[str, str | float | bool | None] | None = None
    id: Annotated[str, StringConstraints(max_length=MAX_NAME)] | None = None
