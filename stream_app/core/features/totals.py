"""Totals of events that are too old to be kept one by one: counts, exact sums, extremes."""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from stream_app.errors import StateError

__all__ = ["Total", "decode_totals", "encode_totals", "exact_parts"]

_TOTAL = struct.Struct("<QqqdddB")


def exact_parts(values: Iterable[float]) -> tuple[float, ...]:
    """Return few numbers, largest first, whose exact sum is that of `values`.

    They are the same for the same exact sum, in whatever order it came together: each is the nearest double to
    what the ones before it leave.

    Parameters
    ----------
    values : iterable of float
        Finite, with a finite sum.

    Examples
    --------
    >>> exact_parts([1.0, 1e100, 1.0, -1e100]), exact_parts([1e100, 3.0])
    ((2.0,), (1e+100, 3.0))
    """
    rest = list(values)
    parts = []
    while (nearest := math.fsum(rest)) != 0.0:
        parts.append(nearest)
        rest.append(-nearest)
    return tuple(parts)


@dataclass(slots=True)
class Total:
    """Aggregates over dropped events.

    Parameters
    ----------
    count : int
        Number of events.
    first, last : int
        Times of the oldest and the newest, in microseconds.
    low, high, newest : float
        Least, greatest and newest number; 0 where no numbers are counted.
    parts : tuple of float
        Their sum, see `exact_parts`.
    """

    count: int
    first: int
    last: int
    low: float = 0.0
    high: float = 0.0
    newest: float = 0.0
    parts: tuple[float, ...] = ()

    @classmethod
    def of(cls, first: int, numbers: Sequence[float]) -> Self:
        """Make empty totals."""
        begin = numbers[0] if numbers else 0.0
        return cls(0, first, first, begin, begin, begin)

    def add(self, times: Sequence[int], numbers: Sequence[float]) -> None:
        """Add newer events, in time order."""
        self.count += len(times)
        self.last = times[-1]
        if numbers:
            self.low = min(self.low, *numbers)
            self.high = max(self.high, *numbers)
            self.newest = numbers[-1]
            self.parts = exact_parts((*self.parts, *numbers))


def encode_totals(totals: Sequence[Total | None]) -> bytes:
    """Return the totals of an entity as bytes."""
    out = []
    for total in totals:
        if total is None:
            out.append(_TOTAL.pack(0, 0, 0, 0.0, 0.0, 0.0, 0))
            continue
        fields = (total.count, total.first, total.last, total.low, total.high, total.newest, len(total.parts))
        out += (_TOTAL.pack(*fields), struct.pack(f"<{len(total.parts)}d", *total.parts))
    return b"".join(out)


def decode_totals(raw: bytes, expected: int) -> list[Total | None]:
    """Decode the result of `encode_totals`.

    Parameters
    ----------
    raw : bytes
        Bytes that `encode` gave.
    expected : int
        How many totals there are.

    Raises
    ------
    StateError
        If they are damaged.
    """
    totals: list[Total | None] = []
    at = 0
    try:
        for _ in range(expected):
            count, first, last, low, high, newest, parts = _TOTAL.unpack_from(raw, at)
            at += _TOTAL.size
            total = Total(count, first, last, low, high, newest, struct.unpack_from(f"<{parts}d", raw, at))
            at += 8 * parts
            totals.append(total if total.count else None)
    except struct.error as error:
        raise StateError(f"the totals of an entity are damaged: {error}") from error
    if at != len(raw):
        raise StateError(f"the totals of an entity are damaged: {len(raw) - at} bytes too many")
    return totals
