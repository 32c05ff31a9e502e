"""What a laxer budget would have told besides: stretches of the kept history whose score is high enough for it."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stream_app.store import Series

__all__ = ["more_told"]

_APART_SECONDS = 300.0
"""Between two stretches that are two incidents: the usual cooldown."""


def more_told(
    histories: Mapping[str, Series],
    told: Mapping[str, Sequence[tuple[float, float]]],
    threshold: float,
    factor: float,
) -> int:
    """Count stretches in which a budget would have told an anomaly that allows more false alarms, and none was told.

    A budget that allows ten times as much asks for evidence that is a tenth as rare, one decade less.

    Parameters
    ----------
    histories : mapping of str to Series
        The kept history of each source.
    told : mapping of str to sequence of (float, float)
        Beginning and end of what was told of a source, in epoch seconds.
    threshold : float
        Score, in decades, at which the stream's own budget tells.
    factor : float
        By how much less the budget allows: less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> def history(*scores):
    ...     n, none = len(scores), np.zeros((len(scores), 0))
    ...     minutes = 60.0 * np.arange(n)
    ...     return Series((), minutes, np.full(n, 60.0), np.ones(n, int), none, none, none, np.array(scores))
    >>> quiet, told = history(1, 2, 4.2, 4.4, 1), history(1, 1, 6, 1, 1)
    >>> more_told({"a": quiet, "b": told}, {"b": [(130.0, 200.0)]}, threshold=5.0, factor=0.1)
    1
    """
    least = threshold + math.log10(factor)
    return sum(
        not any(begin <= until and since <= end for since, until in told.get(source, ()))
        for source, series in histories.items()
        for begin, end in _stretches(series, least)
    )


def _stretches(series: Series, least: float) -> Iterable[tuple[float, float]]:
    high = np.flatnonzero(series.score >= least)
    if not len(high):
        return []
    begin, end = series.time[high], series.time[high] + series.width[high]
    first = np.flatnonzero(np.append(True, begin[1:] - end[:-1] > _APART_SECONDS))
    last = np.append(first[1:], len(high)) - 1
    return zip(begin[first].tolist(), end[last].tolist(), strict=True)
