"""Times that are coarser than readings: several rows with one stamp, spread over what the stamp stands for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Spread", "find_spread", "tells_apart"]

FloatArray = npt.NDArray[np.float64]

_STEPS = (1.0, 60.0)
"""Seconds that stamps without fractions, or without seconds, stand for."""

_DIFFERENT = 0.1
"""Share of rows that differ from the row before them, from which on rows of one stamp are no copies."""


_MOST_SOURCES = 0.2
"""Different texts a row, from which on a column of texts does not name sources."""


@dataclass(slots=True)
class Spread:
    """Gives each of several readings with one stamp a time of its own.

    Parameters
    ----------
    count : int
        Readings a stamp.
    step : float
        Seconds between stamps.

    Examples
    --------
    >>> Spread(4, 1.0).apply(np.array([10.0, 10.0, 10.0, 10.0, 11.0]), ("a",), np.zeros(5, np.int64))
    array([10.  , 10.25, 10.5 , 10.75, 11.  ])
    """

    count: int
    step: float
    _last: dict[str, tuple[float, int]] = field(default_factory=dict)

    def apply(self, ts: FloatArray, names: Sequence[str], source: npt.NDArray[np.int64]) -> FloatArray:
        """Spread the next rows; more readings with one stamp than there were at the beginning share the last place."""
        out = np.empty_like(ts)
        for code, name in enumerate(names):
            mine = np.flatnonzero(source == code)
            if not len(mine):
                continue
            own = ts[mine]
            stamp, seen = self._last.get(name, (np.nan, 0))
            begins = np.concatenate(([True], own[1:] != own[:-1]))
            begin = np.maximum.accumulate(np.where(begins, np.arange(len(own)), 0))
            place = np.arange(len(own)) - begin
            if own[0] == stamp:
                place[begin == 0] += seen
            out[mine] = own + np.minimum(place, self.count - 1) * (self.step / self.count)
            self._last[name] = (float(own[-1]), int(place[-1]) + 1)
        return out


def find_spread(
    ts: FloatArray, sources: Sequence[Any] | None, values: Sequence[Sequence[Any]]
) -> Spread | None:
    """Find by the first rows whether stamps are coarser than readings; rows that are alike are copies, not readings.

    Parameters
    ----------
    ts : ndarray, shape (n,)
        Epoch seconds.
    sources : sequence of length n, or None
        Whose each row is.
    values : sequence of columns of length n

    Returns
    -------
    Spread or None
        None where each row of a source has a stamp of its own, as nearly always.
    """
    if not (np.diff(ts) == 0.0).any() or not np.array_equal(ts, np.floor(ts), equal_nan=True):
        return None
    groups: dict[Any, list[int]] = {}
    for row in range(len(ts)):
        groups.setdefault(None if sources is None else sources[row], []).append(row)
    counts: list[int] = []
    steps: list[float] = []
    same = different = 0
    for rows in groups.values():
        begins = [i for i, (before, row) in enumerate(pairwise(rows), start=1) if ts[before] != ts[row]]
        # The last stamp may go on, and the first may have begun before the file.
        counts += [end - begin for begin, end in pairwise(begins)]
        steps += [float(ts[rows[b]] - ts[rows[a]]) for a, b in pairwise(begins)]
        for before, row in pairwise(rows):
            if ts[before] == ts[row]:
                alike = all(column[before] == column[row] for column in values)
                same, different = same + alike, different + (not alike)
    steps = [step for step in steps if step > 0.0]
    if len(counts) < 2 or np.median(counts) < 2.0 or not steps or different < _DIFFERENT * (same + different):
        return None
    step = min(steps)
    return Spread(max(counts), step) if step in _STEPS else None


def tells_apart(ts: FloatArray, cells: Sequence[Any]) -> bool:
    """Whether a column of texts tells rows of the same time apart: it names sources then, or channels of a long table.

    Examples
    --------
    >>> tells_apart(np.array([10.0, 10.0, 11.0, 11.0]), ["north", "south", "north", "south"])
    True
    """
    if not all(isinstance(cell, str) for cell in cells):
        return False
    stamps = ts.tolist()
    different = set(cells)
    if len(different) < 2 or len(different) > max(2, _MOST_SOURCES * len(cells)):
        return False
    return len(set(stamps)) < len(set(zip(stamps, cells, strict=True))) == len(stamps)
