"""Durations such as ``"5 min"``."""

import re
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator

__all__ = ["Duration", "format_duration", "parse_duration"]

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "w": 604_800.0,
    "week": 604_800.0,
    "month": 2_592_000.0,
    "year": 31_536_000.0,
}
_PATTERN = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)?\s*([a-z]+)?\s*", re.IGNORECASE)


def parse_duration(value: Any) -> float:
    """Parse a duration, such as ``90``, ``"90s"``, ``"1.5 min"`` or ``"week"``, into seconds.

    Raises
    ------
    ValueError
        If it is not a duration, or negative.

    Examples
    --------
    >>> parse_duration("1.5 min"), parse_duration("week"), parse_duration(3)
    (90.0, 604800.0, 3.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < float("inf"):
            raise ValueError(f"a duration cannot be {value}")
        return float(value)
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    # Variables of the environment are texts, so a bare number may be one.
    unit = _unit(match[2]) if match and match[2] else match and match[1] and 1.0
    if not match or not unit:
        raise ValueError(f'{value!r} is not a duration, like "90s", "5 min", "1 week"')
    return float(match[1] or 1) * unit


def format_duration(seconds: float) -> str:
    """Return a time as a person would say it, in at most two units.

    Examples
    --------
    >>> format_duration(0.25), format_duration(84.0), format_duration(7500), format_duration(90_000)
    ('0.25 s', '1 min 24 s', '2 h 5 min', '1 d 1 h')
    >>> format_duration(3599.7), format_duration(float("inf"))
    ('1 h', 'inf s')
    """
    if not 59.5 <= seconds < 1e9:
        return f"{seconds:.3g} s"
    # The largest unit of which there is one, after rounding to the unit below it.
    (larger, size), (smaller, part) = next(
        pair for pair in pairwise(_SPOKEN) if round(seconds / pair[1][1]) * pair[1][1] >= pair[0][1]
    )
    count, rest = divmod(round(seconds / part), round(size / part))
    return f"{count} {larger}" + (f" {rest} {smaller}" if rest else "")


_SPOKEN = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def _unit(name: str) -> float | None:
    """Seconds of a unit; words, not letters, may be plural."""
    name = name.lower()
    return _UNITS.get(name) or (_UNITS.get(name.removesuffix("s")) if len(name) > 3 else None)


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""A pydantic field in seconds that reads ``"5 min"`` too."""
