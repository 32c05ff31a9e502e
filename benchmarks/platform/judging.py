"""Which incidents were told, which were false, and after how long."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Told", "begins_of_rule", "judge"]

CALM = 15
"""Rows below its limit after which a rule may tell anew."""


class Told(NamedTuple):
    """What came of some true spans.

    Parameters
    ----------
    delays : list of float or None
        Of each span, NaN-free; None where it was not told.
    false : list of float
        When incidents began outside of all spans.
    """

    delays: list[float | None]
    false: list[float]

    @property
    def recall(self) -> float:
        """Share of the spans that were told."""
        return sum(delay is not None for delay in self.delays) / max(1, len(self.delays))

    @property
    def precision(self) -> float:
        """Share of what was told that was true."""
        told = sum(delay is not None for delay in self.delays)
        return told / max(1, told + len(self.false))

    @property
    def median_delay(self) -> float:
        """Half of those told were told earlier."""
        told = [delay for delay in self.delays if delay is not None]
        return float(np.median(told)) if told else float("nan")


def judge(begins: Sequence[float], spans: Sequence[tuple[float, float]], grace: float) -> Told:
    """Compare when incidents began with true spans.

    An incident is of the span in which it begins, or that was over `grace` before; further ones of the same span are neither told nor false. One
    that began before a span and is still open does not tell of it.

    Examples
    --------
    >>> judge([5.0, 12.0, 14.0, 40.0], [(10.0, 20.0), (30.0, 35.0)], grace=2.0)
    Told(delays=[2.0, None], false=[5.0, 40.0])
    """
    delays: list[float | None] = [None] * len(spans)
    false = []
    for begin in begins:
        of = [i for i, (first, last) in enumerate(spans) if first <= begin <= last + grace]
        if not of:
            false.append(begin)
        elif delays[of[-1]] is None:
            delays[of[-1]] = begin - spans[of[-1]][0]
    return Told(delays, false)


def begins_of_rule(score: np.ndarray, limit: float, first: int = 0) -> list[int]:
    """Return the rows at which a rule tells: the second of three rows beyond its limit, and not before it was calm again."""
    begins, calm, open_, before = [], 0, False, (False, False)
    for row in range(first, len(score)):
        beyond = bool(score[row] > limit)
        calm = 0 if beyond else calm + 1
        if open_ and calm >= CALM:
            open_ = False
        if not open_ and beyond and any(before):
            begins.append(row)
            open_ = True
        before = (before[1], beyond)
    return begins
