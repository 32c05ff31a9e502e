"""From raw channels to innovations: what the past of a channel does not explain of its present value.

A rank test believes that observations are exchangeable. Sensors are not: neighbours resemble each other
and levels wander. The channel's own reference says how much of that to take out:

- an autoregression (order by the Bayesian criterion) removes short memory;
- a channel whose reference cannot fix its level, because too few independent stretches fit into it, is
  *tracked*: level and scale are taken relative to exponentially weighted means over the last
  `TRACKING` events. Slower movements of such a channel are its ordinary wander and not drift.
"""

from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.drift.dependence import AR_ORDERS, autoregression, integrated_autocorrelation_time
from stream_app.core.recursion import exponential_means, first_order

__all__ = ["TRACKING", "Whitening", "fit_whitening", "whiten"]

TRACKING = 64
"""Events over which a wandering channel's level and scale are averaged: long enough for a change of one
standard deviation to gather evidence for an alarm, short against the wander of a plant."""

_DELAYS = max(AR_ORDERS) + 1
_FAR = 50.0  # standardised values are clipped here, so that one absurd number cannot dwell in a filter
_KEEP = 1.0 - 1.0 / TRACKING


@dataclass(slots=True)
class Whitening:
    """The filters of d channels and where they stand.

    Parameters
    ----------
    origin : ndarray of float, shape (d,)
        Subtracted first, in the channel's units; the difference is rounded to single precision, in
        which references are kept, so that equal values stay equal.
    centre, scale : ndarray of float, shape (d,)
        Median (from the origin) and robust standard deviation of the reference.
    numerator : ndarray of float, shape (d, 10)
        Moving-average side of the filter, highest lag last.
    tracked : ndarray of bool, shape (d,)
        Whether level and scale are taken relative to their recent means.
    unit : ndarray of float, shape (d,)
        Mean absolute innovation in the reference; 0 for an untracked channel.
    excess : ndarray of float, shape (d,)
        What the long-run variance of the innovations may be, over that of independent ones, if the
        autoregression is one standard error off.
    spread : ndarray of float, shape (d,)
        Exponentially weighted mean absolute innovation (tracked channels).
    delays : ndarray of float, shape (d, 9)
        Memory of the moving-average side.
    carried : ndarray of float, shape (d,)
        What the next filtered value inherits from the one before it (tracked channels).
    last : ndarray of float, shape (d,)
        Last finite value, standardised; stands in for missing ones.
    """

    origin: FloatArray
    centre: FloatArray
    scale: FloatArray
    numerator: FloatArray
    tracked: BoolArray
    unit: FloatArray
    excess: FloatArray
    spread: FloatArray
    delays: FloatArray
    carried: FloatArray
    last: FloatArray

    @classmethod
    def neutral(cls, d: int) -> "Whitening":
        """Make filters that let values through as they are."""
        numerator = np.zeros((d, _DELAYS + 1))
        numerator[:, 0] = 1.0
        return cls(
            origin=np.zeros(d),
            centre=np.zeros(d),
            scale=np.ones(d),
            numerator=numerator,
            tracked=np.zeros(d, dtype=np.bool_),
            unit=np.zeros(d),
            excess=np.ones(d),
            spread=np.zeros(d),
            delays=np.zeros((d, _DELAYS)),
            carried=np.zeros(d),
            last=np.zeros(d),
        )

    def put(self, index: int, other: "Whitening") -> None:
        """Take the only filter of `other` as that of channel `index`."""
        for name in self.__slots__:
            getattr(self, name)[index] = getattr(other, name)[0]


def fit_whitening(sample: FloatArray, origin: float, largest_error: float) -> tuple[Whitening, FloatArray]:
    """Fit a channel's filter on its reference.

    Parameters
    ----------
    sample : ndarray of float, shape (n,)
        Finite values in time order, counted from the origin.
    origin : float
        Where the sample counts from.
    largest_error : float
        Standard error of the reference's level, in standard deviations, above which the channel is tracked.

    Returns
    -------
    whitening : Whitening
        The filter of this one channel, standing after the last value of the sample.
    innovations : ndarray of float
        Innovations of the sample, without those in which the filter was filling up.
    """
    centre, scale = _location(sample)
    standard = np.clip((sample - centre) / scale, -_FAR, _FAR)
    time = integrated_autocorrelation_time(standard, wander=True)
    # A short reference of independent events knows its level no better, but has no wander to follow.
    tracked = time > 1.0 and bool(np.sqrt(time / len(sample)) > largest_error)
    coefficients = autoregression(standard)
    filter_ = np.concatenate(([1.0], -coefficients))
    if tracked:
        filter_ = np.convolve(filter_, (1.0, -1.0))
    whitening = Whitening.neutral(1)
    whitening.origin[0], whitening.centre[0], whitening.scale[0] = origin, centre, scale
    whitening.numerator[0, : len(filter_)] = filter_
    whitening.tracked[0] = tracked
    whitening.excess[0] = _excess(float(coefficients.sum()), len(sample))
    whitening.last[0] = standard[-1]
    # As if the first value had been there for ever.
    whitening.delays[0] = np.cumsum(whitening.numerator[0, :0:-1])[::-1] * standard[0]
    innovations = _filter(whitening, standard[None])
    settled = 0 if len(filter_) == 1 else min(TRACKING if tracked else _DELAYS, len(sample) // 4)
    if tracked:
        whitening.unit[0] = max(float(np.abs(innovations[0, settled:]).mean()), 1e-12)
        whitening.spread[0] = whitening.unit[0]
        innovations = _unit_spread(whitening, innovations, np.zeros(1, dtype=np.intp))
    return whitening, innovations[0, settled:]


def whiten(whitening: Whitening, values: FloatArray, present: BoolArray | None) -> FloatArray:
    """Turn the next values of all channels into innovations, and move the filters on.

    Parameters
    ----------
    whitening : Whitening
        Changed in place.
    values : ndarray of float, shape (d, n)
        Next values of each channel.
    present : ndarray of bool, shape (d, n), or None
        Which of them are finite, None for all; the others are bridged by the last finite value.

    Returns
    -------
    ndarray of float, shape (d, n)
        Innovations; meaningless where `present` is False.
    """
    origin = whitening.origin[:, None]
    filled = values if present is None else np.where(present, values, origin)
    with np.errstate(over="ignore"):
        standard = (filled - origin).astype(np.float32).astype(np.float64)
    standard -= whitening.centre[:, None]
    standard /= whitening.scale[:, None]
    np.maximum(standard, -_FAR, out=standard)
    np.minimum(standard, _FAR, out=standard)
    if present is not None:
        known = np.where(present, np.arange(1, values.shape[1] + 1), 0)
        bridge = np.concatenate((whitening.last[:, None], standard), axis=1)
        standard = np.take_along_axis(bridge, np.maximum.accumulate(known, axis=1), axis=1)
    whitening.last = standard[:, -1].copy()
    innovations = _filter(whitening, standard)
    tracked = np.flatnonzero(whitening.tracked)
    if len(tracked):
        innovations[tracked] = _unit_spread(whitening, innovations[tracked], tracked)
    return innovations


def _location(sample: FloatArray) -> tuple[float, float]:
    """Return median and a standard deviation that a few absurd values cannot move; the scale is positive."""
    centre = float(np.median(sample))
    with np.errstate(over="ignore"):
        away = np.minimum(np.abs(sample - centre), np.finfo(np.float64).max)
    scale = float(np.median(away)) * 1.4826
    if scale == 0.0:
        # More than half of the values are equal: use the others, but not their extremes.
        scale = float(np.minimum(away, np.quantile(away, 0.99)).mean())
    return centre, max(scale, 1e-9 * abs(centre), 1e-200)


def _excess(persistence: float, events: int) -> float:
    """Return ``((1 - s) / (1 - s'))**2``, s the sum of the coefficients and s' one standard error higher."""
    distance = max(1.0 - persistence, 1e-3)
    error = np.sqrt(max(1.0 - persistence * persistence, 0.0) / events) if persistence > 0.0 else 0.0
    return float((1.0 + error / distance) ** 2)


def _filter(whitening: Whitening, standard: FloatArray) -> FloatArray:
    """Run the moving-average side of all filters, then the recursive one of those that have it."""
    n = standard.shape[1]
    taps = int(np.flatnonzero(whitening.numerator.any(axis=0))[-1])
    if taps == 0:
        return standard
    # Lag by lag over all channels at once, the oldest first: the order of a filter in transposed direct form,
    # so that it does not matter where the input is cut.
    sums = np.zeros((len(standard), n + taps))
    sums[:, :taps] = whitening.delays[:, :taps]
    product = np.empty(standard.shape)
    for lag in range(taps, -1, -1):
        np.multiply(standard, whitening.numerator[:, lag : lag + 1], out=product)
        sums[:, lag : lag + n] += product
    whitening.delays[:, :taps] = sums[:, n:]
    innovations = sums[:, :n]
    tracked = np.flatnonzero(whitening.tracked)
    if len(tracked):
        carried = first_order(innovations[tracked], _KEEP, _KEEP, whitening.carried[tracked])
        innovations[tracked] += carried[:, :-1]
        whitening.carried[tracked] = carried[:, -1]
    return innovations


def _unit_spread(whitening: Whitening, innovations: FloatArray, tracked: IntArray) -> FloatArray:
    """Divide each innovation of these channels by the mean absolute innovation before it."""
    unit = whitening.unit[tracked, None]
    size = np.minimum(np.abs(innovations), 6.0 * unit)
    spread = exponential_means(size, 1.0 / TRACKING, whitening.spread[tracked])
    whitening.spread[tracked] = spread[:, -1]
    scaled: FloatArray = innovations / np.maximum(spread[:, :-1], 0.05 * unit)
    return scaled
