"""How strongly the series of an incident got worse at its onset, and the entities that they are of."""

import warnings
from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.platform.series import Episode

__all__ = ["LIMIT", "Evidence", "cells", "evidence", "since", "worsening"]

LIMIT = 3.0
"""Normal score from which a series counts as deviating: one usual window in about 740 passes it."""
NOISE = 2.0
"""Rise of a normal score that is no evidence: one usual window in twenty has as much."""
HALF = 4.0
"""Rise at which a strength is one half: about the largest usual score of ten thousand series in a window."""
UNSEEN = 0.5
"""Weight of a series without a value in the windows before the onset: nothing says that it was right until then."""
STEADY = 5
"""Windows with values before the onset after which silence says something: rare events leave windows empty, too."""
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

    A strength is the mean over the windows since the onset of ``r² / (r² + (HALF - NOISE)²)``, where r is what the normal
    score in the bad direction is above its mean before and ``NOISE``: what was unusual before an incident does
    not explain it, and however wild a window is, it counts as one. The series of a node that fell silent are at one half: a lost worker
    sends no metric that could deviate.

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no window, or none with a value: NaN is meant
        usual = np.nan_to_num(np.nanmean(bad[~during], axis=0))
        before = np.nanmedian(episode.values[~during], axis=0)
        now = np.nanmedian(episode.values[during], axis=0)
    above = np.maximum(np.nan_to_num(bad[during]) - usual - NOISE, 0.0) ** 2
    strength = (above / (above + (HALF - NOISE) ** 2)).mean(axis=0)
    if not during.all():
        strength[~np.isfinite(episode.values[~during]).any(axis=0)] *= UNSEEN
    strength[_lost(episode, during)] = 0.5
    return Evidence(strength, _began(episode, bad, during), before, now)


def since(episode: Episode) -> BoolArray:
    """Return which windows are of the incident: those that end after its onset, and the newest at least."""
    during: BoolArray = episode.ends > episode.onset
    during[-1:] = True
    return during


def worsening(episode: Episode) -> FloatArray:
    """Return the normal scores of an episode in the bad direction: above 0 where worse than usual, of either direction where both are bad."""
    sign = np.array([{True: 1.0, False: -1.0, None: 0.0}[one.higher_is_worse] for one in episode.series])
    scores: FloatArray = np.where(
        sign == 0.0, np.abs(episode.deviations), np.maximum(sign * episode.deviations, 0.0)
    )
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


def _lost(episode: Episode, during: BoolArray) -> BoolArray:
    """Return the series of entities none of which has a value since the onset, and which had one in each of several windows."""
    there = np.isfinite(episode.values)
    if np.count_nonzero(~during) < STEADY:
        return np.zeros(there.shape[1], dtype=bool)
    entities = [(one.of, one.node) for one in episode.series]
    silent = set(entities) - {entities[i] for i in np.flatnonzero(there[during].any(axis=0))}
    return np.asarray(
        there[~during].all(axis=0) & np.array([entity in silent for entity in entities], dtype=bool)
    )


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
