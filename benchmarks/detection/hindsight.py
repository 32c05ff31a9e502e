"""Opponents at their best: alarms and marks at the threshold that suits a data set best, chosen in hindsight.

One threshold for all series of a set, so that it is a setting that somebody could have made; which the monitor,
at its defaults, does not get.
"""

from collections.abc import Callable

import numpy as np
from judging import Detector
from scoring import Verdict, best_f1, episodes, nab_score, told
from series import Series

__all__ = ["in_hindsight"]

GRID = np.geomspace(1e-5, 0.3, 120)
"""Shares of the rows whose scores are tried as thresholds."""


def in_hindsight(name: str, series: list[Series], score: Callable[[Series], np.ndarray]) -> Detector:
    """Make a detector of a score."""
    scores = [score(one) for one in series]
    threshold = CHOICES[name](series, scores)
    found = {
        one.name: Verdict(given, given >= threshold, episodes(given, threshold))
        for one, given in zip(series, scores, strict=True)
    }
    return lambda one, _budget: found[one.name]


def _by_rows(series, scores):
    """Most F1 of the rows that count."""
    parts = [
        (one.truth[one.scored_from :], given[one.scored_from :])
        for one, given in zip(series, scores, strict=True)
    ]
    return best_f1(*(np.concatenate(column) for column in zip(*parts, strict=True)))[1]


def _grid(series, scores):
    pooled = np.concatenate([given[one.scored_from :] for one, given in zip(series, scores, strict=True)])
    return np.unique(np.quantile(pooled, 1.0 - GRID))


def _by_nab(series, scores):
    """Most points of alarms in the Numenta Anomaly Benchmark."""
    return max(
        _grid(series, scores),
        key=lambda threshold: nab_score(series, [episodes(given, threshold) for given in scores])[0],
    )


def _by_events(most_false_a_day):
    """Most anomalies told at so many false alarms a day."""

    def choose(series, scores):
        def worth(threshold):
            counts = told(
                series, [Verdict(given, given >= threshold, episodes(given, threshold)) for given in scores]
            )
            return counts.told if counts.false_a_day <= most_false_a_day else -counts.false

        return max(_grid(series, scores), key=worth)

    return choose


CHOICES = {
    "skab": _by_rows,
    "nab": _by_nab,
    "smd": _by_events(1.0),
    "cloud": _by_events(0.2),
    "blind-spots": _by_events(1.0 / 7.0),
    "plants": _by_rows,
}
