"""Trino's QueryCompletedEvent, as its event listeners send it."""

import math
import re
from typing import Annotated, Any

import msgspec

from stream_app.events.session import MAX_NUMBER

__all__ = ["QueryEvent", "parse_query_duration"]

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Word = Annotated[str, msgspec.Meta(max_length=256)]
_Amount = Annotated[float, msgspec.Meta(le=MAX_NUMBER)] | str | None

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_AIRLIFT = re.compile(r"(-?\d{1,20}(?:\.\d{1,20})?)\s?(ns|us|ms|s|m|h|d)")
_ISO = re.compile(
    r"(-?)P(?:(-?\d{1,15})D)?(?:T(?:(-?\d{1,15})H)?(?:(-?\d{1,15})M)?(?:(-?\d{1,15}(?:\.\d{1,15})?)S)?)?"
)


class _Metadata(msgspec.Struct, gc=False, rename="camel"):
    query_id: _Name | None = None
    query_state: _Word | None = None
    query: str | None = None
    prepared_query: str | None = None


class _Statistics(msgspec.Struct, gc=False, rename="camel"):
    queued_time: _Amount = None
    planning_time: _Amount = None
    analysis_time: _Amount = None
    execution_time: _Amount = None
    wall_time: _Amount = None
    cpu_time: _Amount = None
    physical_input_bytes: _Amount = None
    physical_input_rows: _Amount = None
    peak_user_memory_bytes: _Amount = None
    completed_splits: _Amount = None


class _Context(msgspec.Struct, gc=False, rename="camel"):
    user: _Word | None = None
    catalog: _Word | None = None


class QueryEvent(msgspec.Struct, gc=False, rename="camel"):
    """What is read of a QueryCompletedEvent of Trino; the rest of it is passed over.

    Parameters
    ----------
    metadata : table
        ``queryId``, ``queryState``, ``query`` and ``preparedQuery``.
    statistics : table
        Times as seconds, ISO 8601 (``PT1.2S``) or with a unit (``355.00ms``); input, peak of memory, splits.
    context : table
        ``user`` and ``catalog``.
    failure_info : table, optional
        With the name of the ``errorCode``.
    end_time : float or str, optional
        When the query ended, in epoch seconds or RFC 3339.
    """

    metadata: _Metadata
    statistics: _Statistics | None = None
    context: _Context | None = None
    failure_info: dict[str, Any] | None = None
    end_time: float | str | None = None


def parse_query_duration(value: float | str | None) -> float:
    """Parse a duration of Trino: seconds, ISO 8601, or a number with a unit; NaN where there is none.

    Raises
    ------
    ValueError
        If it is none of them, or negative.

    Examples
    --------
    >>> [parse_query_duration(one) for one in (1.2, "PT1M1.5S", "355.00ms", "1.50h")]
    [1.2, 61.5, 0.355, 5400.0]
    >>> parse_query_duration("PT-1S")
    Traceback (most recent call last):
    ValueError: a duration cannot be negative
    """
    if value is None:
        return math.nan
    seconds = _seconds(value) if isinstance(value, str) else float(value)
    if seconds < 0:
        raise ValueError("a duration cannot be negative")
    return seconds


def _seconds(text: str) -> float:
    if airlift := _AIRLIFT.fullmatch(text):
        return float(airlift[1]) * _UNITS[airlift[2]]
    iso = _ISO.fullmatch(text)
    if iso is None or text.endswith(("P", "T")):
        raise ValueError(
            'a duration is seconds, ISO 8601 like "PT1.2S", or a number with a unit like "355.00ms"'
        )
    parts = [float(part or 0) for part in iso.groups()[1:]]
    total = sum(part * unit for part, unit in zip(parts, (86_400.0, 3600.0, 60.0, 1.0), strict=True))
    return -total if iso[1] else total
