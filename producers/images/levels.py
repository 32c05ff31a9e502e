"""How bad each image is, by the schedule of ``--drift``."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.drift import Change

__all__ = ["levels_at"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


def levels_at(
    changes: Sequence[Change], base: int, numbers: IntArray, seconds: FloatArray
) -> tuple[IntArray, IntArray]:
    """Return the level of each image.

    A gradual change climbs level by level in equal steps and reaches the last at its end. Where changes overlap, the
    one that is written last holds.

    Parameters
    ----------
    changes : sequence of Change
        Of the effect ``level``.
    base : int
        Level where no change holds.
    numbers, seconds : ndarray (n,)
        Number of each image, and its event time after the first one.

    Returns
    -------
    levels : ndarray of int (n,)
    which : ndarray of int (n,)
        Index of the change that holds, -1 for none.

    Examples
    --------
    >>> from producers.drift import parse_levels
    >>> levels_at(parse_levels("level=3@#2..", 9), 0, np.arange(4), np.arange(4.0))[0].tolist()
    [0, 0, 3, 3]
    >>> levels_at(parse_levels("level=4@#1..~#4", 9), 0, np.arange(7), np.arange(7.0))[0].tolist()
    [0, 0, 1, 2, 3, 4, 4]
    """
    levels = np.full(len(numbers), base, dtype=np.int64)
    which = np.full(len(numbers), -1, dtype=np.int64)
    for index, change in enumerate(changes):
        cycle, since = change.locate(numbers.astype(np.float64), seconds)
        inside = cycle >= 0
        share = np.ones(len(numbers)) if change.over is None else np.clip(since / change.over.at, 0.0, 1.0)
        # A whole level is reached when all of its share has passed; rounding must not hold it back.
        climbed = np.trunc((change.size - levels) * share * (1.0 + 1e-12)).astype(np.int64)
        levels = np.where(inside, levels + climbed, levels)
        which = np.where(inside, index, which)
    return levels, which
