"""How good detections are: the published rules of each data set, without point adjustment.

A detector's verdict on a series is a score a row, a mark a row, and the rows at which its alarms begin. Where a
method has a score only, `episodes` makes alarms of a threshold.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import poisson

__all__ = [
    "Told",
    "Verdict",
    "allowed",
    "best_f1",
    "changepoint_score",
    "confusion",
    "episodes",
    "f1",
    "nab_best",
    "nab_score",
    "told",
]

NAB_PROFILES = {"standard": (0.11, 1.0), "low-FP": (0.22, 1.0), "low-FN": (0.11, 2.0)}
"""Cost of a false detection and of a missed window, where a window found at its beginning earns 1."""


@dataclass(frozen=True)
class Verdict:
    """What a detector says of a series of n rows.

    Parameters
    ----------
    score : array, shape (n,)
        Larger is stranger.
    marked : array of bool, shape (n,)
        Whether the row lies in an anomaly.
    alarms : array of int
        Rows at which an alert of anomaly or drift begins.
    changepoints : array of int or None
        Rows at which the level is said to change; None where a detector does not say.
    other : dict of str to int
        Alerts of other kinds, by kind.
    """

    score: np.ndarray
    marked: np.ndarray
    alarms: np.ndarray
    changepoints: np.ndarray | None = None
    other: dict[str, int] = field(default_factory=dict)


def confusion(series, verdicts):
    """Count (true positive, false positive, false negative, true negative) of the marks, pooled over series."""
    counts = np.zeros(4, dtype=int)
    for one, verdict in zip(series, verdicts, strict=True):
        truth, said = one.truth[one.scored_from :], verdict.marked[one.scored_from :]
        counts += [(truth & said).sum(), (~truth & said).sum(), (truth & ~said).sum(), (~truth & ~said).sum()]
    return tuple(int(count) for count in counts)


def f1(tp, fp, fn, *_):
    """Return the harmonic mean of precision and recall."""
    return 2.0 * tp / max(2 * tp + fp + fn, 1)


def best_f1(truth, score):
    """Return the largest F1 of the rows that any single threshold on the score gives, and that threshold.

    >>> best_f1(np.array([False, True, True, False]), np.array([0.0, 2.0, 3.0, 1.0]))
    (1.0, 2.0)
    """
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    values = 2.0 * hits[last] / (last + 1 + hits[-1])
    best = int(np.argmax(values))
    return float(values[best]), float(score[order[last[best]]])


@dataclass(frozen=True)
class Told:
    """Labelled anomalies of which an alarm began inside, and alarms outside of all."""

    windows: int = 0
    told: int = 0
    alarms: int = 0
    false: int = 0
    days: float = 0.0

    def __add__(self, other):
        return Told(
            self.windows + other.windows,
            self.told + other.told,
            self.alarms + other.alarms,
            self.false + other.false,
            self.days + other.days,
        )

    @property
    def false_a_day(self):
        """False alarms in a day of normal rows."""
        return self.false / self.days


def told(series, verdicts):
    """Count anomalies told and false alarms over series."""
    total = Told()
    for one, verdict in zip(series, verdicts, strict=True):
        rows = np.unique(verdict.alarms)
        rows = rows[rows >= one.scored_from]
        inside = [(rows >= first) & (rows <= last) for first, last in one.windows]
        hit = sum(bool(mask.any()) for mask in inside)
        false = len(rows) - int(np.any(inside, axis=0).sum()) if inside else len(rows)
        total += Told(len(one.windows), hit, len(rows), false, one.normal_days)
    return total


def episodes(score, threshold, quiet=10):
    """Return the rows at which a score reaches a threshold after so many rows below it."""
    above = np.flatnonzero(score >= threshold)
    return above[np.diff(above, prepend=-quiet - 1) > quiet]


def allowed(events, rate):
    """Return the most false alarms that a rate explains: the 99 % quantile of Poisson's distribution."""
    return int(poisson.ppf(0.99, events * rate))


def _sigmoid(y):
    return np.where(y > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(y, 3.0))) - 1.0)


def _worth(series):
    """Return for each row its window (-1 outside) and the scaled sigmoid of its place."""
    row = np.arange(len(series))
    window, worth = np.full(len(series), -1), np.full(len(series), -1.0)
    for number, (first, last) in enumerate(series.windows):
        length = last - first + 1
        inside = slice(first, last + 1)
        window[inside] = number
        worth[inside] = _sigmoid(-(last - row[inside] + 1) / length) / _sigmoid(np.array(-1.0))
        worth[last + 1 :] = _sigmoid((row[last + 1 :] - last) / max(length - 1, 1))
    return window, worth


def _rows_that_count(series, rows):
    """Return rows behind the probation; of rows with the same time the last, as NAB's tables have one a time."""
    place = np.searchsorted(np.sort(series.ts), series.ts[rows], side="right") - 1
    return np.unique(place[place >= series.scored_from])


def nab_score(series, detections, profile="standard"):
    """Score detections by the Numenta Anomaly Benchmark: 0 for silence, 100 for perfection.

    Parameters
    ----------
    series : list of Series
    detections : list of array of int
        Rows of each.
    profile : {'standard', 'low-FP', 'low-FN'}

    Returns
    -------
    (float, int, int)
        The score, windows found, detections outside of windows.

    References
    ----------
    A. Lavin and S. Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark.
    """
    false_cost, miss_cost = NAB_PROFILES[profile]
    points, count, hits, false = 0.0, 0, 0, 0
    for one, given in zip(series, detections, strict=True):
        window, worth = _worth(one)
        rows = _rows_that_count(one, np.asarray(given, dtype=int))
        inside = rows[window[rows] >= 0]
        best = {number: worth[inside[window[inside] == number]].max() for number in np.unique(window[inside])}
        outside = worth[rows[window[rows] < 0]]
        points += sum(best.values()) + false_cost * outside.sum() - miss_cost * (len(one.windows) - len(best))
        count, hits, false = count + len(one.windows), hits + len(best), false + len(outside)
    return 100.0 * float(points + count * miss_cost) / (count * (1.0 + miss_cost)), hits, false


def nab_best(series, scores, profile="standard"):
    """Return the largest NAB score of any single threshold over all files, and that threshold.

    Every row whose score reaches the threshold is a detection, as the benchmark does it.
    """
    false_cost, miss_cost = NAB_PROFILES[profile]
    parts, count = [], 0
    for one, score in zip(series, scores, strict=True):
        window, worth = _worth(one)
        rows = _rows_that_count(one, np.arange(len(one)))
        # Of rows with the same time, the loudest speaks for the last.
        loudest = np.full(len(one), -np.inf)
        np.maximum.at(loudest, np.searchsorted(np.sort(one.ts), one.ts, side="right") - 1, score)
        parts.append((loudest[rows], np.where(window[rows] < 0, -1, window[rows] + count), worth[rows]))
        count += len(one.windows)
    score, window, worth = (np.concatenate(column) for column in zip(*parts, strict=True))
    best, points, top, threshold = {}, -miss_cost * count, -miss_cost * count, float("inf")
    order = np.argsort(-score, kind="stable")
    for place, row in enumerate(order):
        number = int(window[row])
        if number < 0:
            points += false_cost * worth[row]
        else:
            before = best.get(number, -miss_cost)
            best[number] = max(before, worth[row]) if number in best else worth[row]
            points += best[number] - before
        tied = place + 1 < len(order) and score[order[place + 1]] == score[row]
        if points > top and not tied:
            top, threshold = points, float(score[row])
    return 100.0 * float(top + count * miss_cost) / (count * (1.0 + miss_cost)), threshold


def changepoint_score(experiments, reach=60.0):
    """Score changepoints by the Skoltech Anomaly Benchmark: 0 for silence, 100 for perfection (standard profile).

    Parameters
    ----------
    experiments : list of (true, found)
        Epoch seconds.
    reach : float
        Seconds after a true changepoint in which a detection counts as one of it; the sooner, the more.
    """
    points, count = 0.0, 0
    for true, found in experiments:
        outside, earlier = np.ones(len(found), dtype=bool), -np.inf
        for moment in true:
            # A window that overlaps the one before begins at its end.
            begin, earlier = max(moment, earlier), moment + reach
            inside = (found >= begin) & (found <= earlier)
            outside &= ~inside
            if not inside.any():
                points -= 1.0
                continue
            delay = (found[inside].min() - begin) / (earlier - begin) if earlier > begin else 0.0
            # The benchmark reads the curve off a table of a thousand points.
            place = np.pi * (min(int(delay * 1000), 999) / 999 - 0.5)
            points += 0.445 - 0.555 * np.tanh(place) / np.tanh(np.pi / 2)
        points -= 0.11 * int(outside.sum())
        count += len(true)
    return 100.0 * float(points + count) / (2.0 * count)
