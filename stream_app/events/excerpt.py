"""Values of the channel that an alert blames, around its beginning and before its end: few numbers, for a picture."""

import math
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stream_app.events.readings import FloatArray

__all__ = ["MOST_POINTS", "Excerpt"]

MOST_POINTS = 32
"""Points before the beginning of an alert, and again before its end."""

_Point = Annotated[float, Field(allow_inf_nan=False)]


class Excerpt(BaseModel):
    """Values of one channel around the beginning of an alert.

    Parameters
    ----------
    channel : str
        The channel most to blame.
    seconds : tuple of float
        Event times of the points, counted from the beginning of the alert: those before it are negative. They ascend but for
        rows that came late.
    values : tuple of float or None
        Values in the channel's unit; None where rows had none. Both have six significant digits.
    """

    model_config = ConfigDict(frozen=True)

    channel: str
    seconds: Annotated[tuple[_Point, ...], Field(max_length=2 * MOST_POINTS)]
    values: Annotated[tuple[_Point | None, ...], Field(max_length=2 * MOST_POINTS)]

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if len(self.seconds) != len(self.values):
            raise ValueError(f"{len(self.seconds)} times, but {len(self.values)} values")
        return self

    @property
    def after(self) -> int:
        """How many points stand before those after the beginning."""
        return next((i for i, second in enumerate(self.seconds) if second > 0.0), len(self.seconds))

    @classmethod
    def of(cls, channel: str, ts: FloatArray, values: FloatArray, beginning: float) -> Self:
        """Return the excerpt of an alert that begins.

        Parameters
        ----------
        channel : str
            The channel.
        ts, values : array, shape (n,)
            Event times of the newest rows, in epoch seconds, the last by which the alert begins; and their values, NaN where
            there is none. Rows whose time is no number, as in a damaged record, are left out.
        beginning : float
            When it begins, in epoch seconds.

        Examples
        --------
        >>> Excerpt.of("flow", np.array([8.0, 9.0, 10.0]), np.array([124.9, np.nan, 61.2]), 10.0)
        Excerpt(channel='flow', seconds=(-2.0, -1.0, 0.0), values=(124.9, None, 61.2))
        """
        seconds, known = _points(ts, values, beginning)
        return cls(channel=channel, seconds=seconds, values=known)

    def then(self, ts: FloatArray, values: FloatArray, beginning: float) -> Self:
        """Return the excerpt with the newest rows at the end of the alert, of which those after the beginning count; see `of`."""
        after = ts > beginning
        seconds, known = _points(ts[after], values[after], beginning)
        return self.model_copy(update={"seconds": self.seconds + seconds, "values": self.values + known})


def _points(
    ts: FloatArray, values: FloatArray, beginning: float
) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
    with np.errstate(over="ignore"):
        away = ts - beginning
    timed = np.isfinite(away)
    away, values = away[timed], values[timed]
    kept = _telling(values)
    seconds = tuple(map(_rounded, away[kept].tolist()))
    return seconds, tuple(_rounded(x) if math.isfinite(x) else None for x in values[kept].tolist())


def _rounded(x: float) -> float:
    return float(f"{x:.6g}")


def _telling(values: FloatArray) -> list[int]:
    """Return the places of at most `MOST_POINTS` values: the newest, and of each stretch before it the one farthest from the median.

    Means would hide a single value that is far out, and every n-th value might miss it.
    """
    n = len(values) - 1
    if n < MOST_POINTS:
        return list(range(n + 1))
    known = np.isfinite(values)
    away = np.zeros(n + 1)
    if known.any():
        # Not the mean of the two in the middle, which may overflow.
        middle = np.sort(values[known])[np.count_nonzero(known) // 2]
        with np.errstate(over="ignore"):
            away = np.where(known, np.abs(values - middle), -1.0)
    width = -(-n // (MOST_POINTS - 1))
    # Counted back from the newest, so that only the oldest stretch may be shorter; of equal ones the newest counts.
    ends = range(n, 0, -width)
    return [end - 1 - int(np.argmax(away[max(end - width, 0) : end][::-1])) for end in reversed(ends)] + [n]
