"""One window of a platform as a row of numbers, the same for every platform: what clusterings and classifiers learn from."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.platform.series import Group, Series

__all__ = ["FEATURE_NAMES", "window_features"]

BEYOND = 3.0
"""Normal scores beyond which a series counts as unusual: one in 370 of those that are as usual."""

_SUBJECTS: tuple[tuple[str, str], ...] = (
    *(("node", group) for group in get_args(Group)),
    ("query class", "queries"),
    ("service", "latency"),
    ("service", "requests"),
    ("service", "errors"),
    ("service", "other"),
)
_PLACES = {subject: place for place, subject in enumerate(_SUBJECTS)}
_OF_SERVICES = {"latency", "requests", "errors"}
_KINDS = ("node", "query class", "service")

FEATURE_NAMES: tuple[str, ...] = (
    *(f"{of} {group}: {what}" for of, group in _SUBJECTS for what in ("worst", "top tenth", "beyond 3")),
    *(f"{of}: missing" for of in _KINDS),
)
"""Names of the features, in their order."""


def window_features(series: Sequence[Series], deviations: FloatArray) -> FloatArray:
    """Sum up the deviations of a window in a row of fixed length.

    For each metric group of the nodes, for the query classes, and for latency, requests, errors and the rest of the
    services: the worst deviation in a bad direction; the mean of the largest tenth of the absolute ones; the share
    beyond 3. For nodes, query classes and services: the share of their series that is missing.

    Deviations have heavy tails and shares have a variance that depends on their mean. So deviations go through the
    inverse hyperbolic sine, linear up to about 1 and logarithmic beyond, and shares through twice the arc sine of their
    root: a distance between two windows is then not one of their largest series alone.

    Parameters
    ----------
    series : sequence of Series, n of them
    deviations : ndarray of shape (n,)
        How unusual each is, signed normal scores, NaN unknown, as in `WindowResult`.

    Returns
    -------
    ndarray of shape (len(FEATURE_NAMES),)
        0 where a platform has no such series; all NaN where nothing is known of any series, as in a warm-up.

    Notes
    -----
    Takes 0.4 µs a series.

    Examples
    --------
    >>> cpu, disk = Series("worker-1", "load", "cpu", higher_is_worse=True), Series("worker-1", "io", "disk")
    >>> features = window_features([cpu, disk], np.array([-5.0, 4.0]))
    >>> {name: round(float(value), 2) for name, value in zip(FEATURE_NAMES, features) if value}  # doctest: +NORMALIZE_WHITESPACE
    {'node cpu: worst': -2.31, 'node cpu: top tenth': 2.31, 'node cpu: beyond 3': 3.14,
     'node disk: worst': 2.09, 'node disk: top tenth': 2.09, 'node disk: beyond 3': 3.14}

    References
    ----------
    Burbidge, Magee, Robb (1988). Alternative transformations to handle extreme values of the dependent variable. JASA 83.
    Freeman, Tukey (1950). Transformations related to the angular and the square root. Ann. Math. Stat. 21.
    """
    features = np.zeros(len(FEATURE_NAMES))
    known = ~np.isnan(deviations)
    if not known.any():
        features[:] = np.nan
        return features
    places = np.array([_place(one) for one in series])
    directions = np.array([_DIRECTIONS[one.higher_is_worse] for one in series])
    sizes = np.abs(deviations)
    bad = np.where(directions == 0.0, sizes, directions * deviations)
    for place in np.unique(places[known]):
        here = known & (places == place)
        features[3 * place : 3 * place + 3] = _statistics(bad[here], sizes[here])
    kinds = _KIND_OF_PLACE[places]
    for kind in np.unique(kinds):
        features[3 * len(_SUBJECTS) + kind] = _angle(float(np.mean(~known[kinds == kind])))
    return features


_DIRECTIONS = {True: 1.0, False: -1.0, None: 0.0}
_KIND_OF_PLACE = np.array([_KINDS.index(of) for of, _ in _SUBJECTS])


def _place(one: Series) -> int:
    if one.of == "query class":
        return _PLACES["query class", "queries"]
    if one.of == "service" and one.group not in _OF_SERVICES:
        return _PLACES["service", "other"]
    return _PLACES[one.of, one.group]


def _statistics(bad: FloatArray, sizes: FloatArray) -> tuple[float, float, float]:
    top = max(1, len(sizes) // 10)
    largest = np.sort(sizes)[-top:]
    beyond: BoolArray = sizes > BEYOND
    return (
        float(np.arcsinh(bad.max())),
        float(np.arcsinh(largest.mean())),
        _angle(float(beyond.mean())),
    )


def _angle(share: float) -> float:
    return float(2.0 * np.arcsin(np.sqrt(share)))
