"""How strongly the series of an incident got worse at its onset, and the entities that they are of."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.platform.series import Episode

__all__ = ["LIMIT", "Evidence", "cells", "evidence", "medians", "since", "worsening"]

LIMIT = 3.0
"""Normal score from which a series counts as deviating, and at which a strength is one half: one usual window in 740 passes it."""
NOISE = 1.0
"""Rise of a normal score that is no evidence: one standard deviation."""
FLAT = 0.001
"""Half of the width of a usual band, as a share of the level, up to which a series is flat."""
UNSEEN = 0.5
"""Weight of a series without a value in the windows before the onset: nothing says that it was right until then."""
STEADY = 5
"""Windows with values before the onset after which silence says something: rare events leave windows empty, too."""
SCRAPED = 0.9
"""Share of windows with a value before the onset of a series that is always there but for failed scrapes."""
LEAD = 3
"""Windows before the estimated onset in which a series may begin to deviate: an onset is estimated late rather than early."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an episode says of each of its series.

    Parameters
    ----------
    strength : ndarray of shape (n,)
        How strongly a series got worse, from 0 (not at all) to 1.
    began : ndarray of shape (n,)
        When it began to deviate, epoch seconds; the onset of the episode where it does not.
    before, now : ndarray of shape (n,)
        Median of its values before the onset and since; NaN where there are none.
    """

    strength: FloatArray
    began: FloatArray
    before: FloatArray
    now: FloatArray


def evidence(episode: Episode) -> Evidence:
    """Weigh what each series of an episode did since the onset against what it did before.

    A strength is the mean over the windows since the onset, or over the newest half, quarter and so on of them where it is
    larger there, of ``r² / (r² + (LIMIT - NOISE)²)``, where r is what the
    normal score in the bad direction is above its median before the onset and ``NOISE``: what was unusual before an incident does not explain it, and however wild a window is, it counts as one. The series of a node that
    fell silent are at one half: a lost worker sends no metric that could deviate.

    Parameters
    ----------
    episode : Episode
        The windows, one at least.

    Returns
    -------
    Evidence
        A row for each series.
    """
    during = since(episode)
    bad = worsening(episode)
    usual = np.nan_to_num(medians(bad[~during]))
    above = np.maximum(np.nan_to_num(bad[during]) - usual - NOISE, 0.0) ** 2
    windows = above / (above + (LIMIT - NOISE) ** 2)
    strength = np.max([windows[-count:].mean(axis=0) for count in _newest(len(windows))], axis=0)
    if not during.all():
        strength[~np.isfinite(episode.values[~during]).any(axis=0)] *= UNSEEN
    strength[_lost(episode, during)] = 0.5
    return Evidence(
        strength,
        _began(episode, bad, during),
        medians(episode.values[~during]),
        medians(episode.values[during]),
    )


def medians(values: FloatArray) -> FloatArray:
    """Return the median of each column over what is known of it; NaN where nothing is.

    Examples
    --------
    >>> import numpy as np
    >>> medians(np.array([[1.0, np.nan], [4.0, np.nan], [np.nan, np.nan]])).tolist()
    [2.5, nan]
    """
    if not len(values):
        return np.full(values.shape[1], np.nan)
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=0)
    known = np.isfinite(ordered).sum(axis=0)
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(values) - 1)
    columns = np.arange(values.shape[1])
    middle: FloatArray = ordered[low, columns] / 2.0 + ordered[high, columns] / 2.0
    return middle


def since(episode: Episode) -> BoolArray:
    """Return which windows are of the incident: those that end after its onset, and the newest at least."""
    during: BoolArray = episode.ends > episode.onset
    during[-1:] = True
    return during


def worsening(episode: Episode) -> FloatArray:
    """Return the normal scores of an episode in the bad direction, 0 or above; in either where both are bad.

    The past of a series that hardly moved has no scale by which it could tell how unusual a move is. Beyond a usual band
    without width, a score is that of a Pareto tail of index 2 behind the band, in thousandths of the level; where the
    level is 0, what is not is at ``LIMIT``.

    Parameters
    ----------
    episode : Episode
        The windows.

    Returns
    -------
    ndarray of shape (w, n)
        Scores; NaN where they are not known.
    """
    either = np.array([one.higher_is_worse is None for one in episode.series])
    falls = np.array([one.higher_is_worse is False for one in episode.series])
    scores = _scores(episode)
    scores = np.where(falls, -scores, scores)
    bad: FloatArray = np.where(either, np.abs(scores), np.maximum(scores, 0.0))
    return bad


def _scores(episode: Episode) -> FloatArray:
    """Return the deviations, those of flat series by how far they are beyond their band."""
    low, high = episode.usual_low, episode.usual_high
    unit = FLAT * np.maximum(np.abs(low), np.abs(high))
    flat = high - low <= 2.0 * unit
    if not flat.any():
        return episode.deviations
    scores = episode.deviations.copy()
    values, unit = episode.values[:, flat], unit[flat]
    above, below = values - high[flat], low[flat] - values
    away = np.maximum(np.maximum(above, below), 0.0)
    pareto = -ndtri(0.005 * (1.0 + away / np.where(unit > 0.0, unit, 1.0)) ** -2.0)
    score = np.where(away > 0.0, np.where(unit > 0.0, pareto, LIMIT), 0.0)
    told = np.nan_to_num(scores[:, flat])
    scores[:, flat] = np.where(score > np.abs(told), np.where(above > below, score, -score), scores[:, flat])
    return scores


def cells(strength: FloatArray, rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Return the strength of each pair of row and column: the mean of its two strongest series, or its only one.

    One wild series of several has half of the weight of two that deviate together.

    Parameters
    ----------
    strength : ndarray of shape (n,)
        Strengths of series.
    rows, columns : ndarray of shape (n,)
        Where each of them belongs, such as its node and its group.
    shape : tuple of int
        Number of rows and of columns.

    Returns
    -------
    ndarray of the given shape
        Strengths; NaN where there is no series.

    Examples
    --------
    >>> import numpy as np
    >>> cells(np.array([1.0, 0.5, 0.2, 0.4]), np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]), (2, 1)).tolist()
    [[0.75], [0.4]]
    """
    key = rows * shape[1] + columns
    order = np.lexsort((-strength, key))
    key, strength = key[order], strength[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    second = np.zeros(len(key), dtype=bool)
    second[1:] = first[:-1] & ~first[1:]
    table = np.full(shape[0] * shape[1], np.nan)
    table[key[first]] = strength[first]
    table[key[second]] = (table[key[second]] + strength[second]) / 2.0
    return table.reshape(shape)


def _newest(count: int) -> list[int]:
    """Return how many of the newest of some windows are looked at: an onset may be estimated far too early.

    >>> _newest(13)
    [13, 6, 3]
    """
    counts = [count]
    while counts[-1] // 2 >= LEAD:
        counts.append(counts[-1] // 2)
    return counts


def _lost(episode: Episode, during: BoolArray) -> BoolArray:
    """Return the series of entities that have no value in half of the windows since the onset, and had one in most before."""
    there = np.isfinite(episode.values)
    if np.count_nonzero(~during) < STEADY:
        return np.zeros(there.shape[1], dtype=bool)
    entities = [(one.of, one.node) for one in episode.series]
    place = {entity: i for i, entity in enumerate(dict.fromkeys(entities))}
    rows = np.array([place[entity] for entity in entities], dtype=np.int64)
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(place)))
    spoken = np.logical_or.reduceat(there[during][:, order], starts, axis=1)
    silent = spoken.mean(axis=0) <= 0.5
    return np.asarray((there[~during].mean(axis=0) >= SCRAPED) & silent[rows])


def _began(episode: Episode, bad: FloatArray, during: BoolArray) -> FloatArray:
    """Return the start of the first window, shortly before the onset or since, in which each series deviates."""
    ends = episode.ends
    first = max(int(np.argmax(during)) - LEAD, 0)
    beyond = bad[first:] >= LIMIT
    window = float(np.median(np.diff(ends))) if len(ends) > 1 else 0.0
    began: FloatArray = np.where(
        beyond.any(axis=0), ends[first:][np.argmax(beyond, axis=0)] - window, episode.onset
    )
    return began
