"""From values of a channel to innovations and their ranks: what its past does not explain.

A rank test believes that observations are exchangeable. Sensors are not: neighbours resemble each other
and levels wander. The channel's first values say how much of that to take out:

- an autoregression (order by the Bayesian criterion) removes short memory;
- a channel whose reference could not fix its level, because too few independent stretches fit into it, is
  *tracked*: level and scale are taken relative to exponentially weighted means over the last
  `TRACKING` events. Slower movements of such a channel are its ordinary wander and not drift.

Nothing is kept of the values but sums and the latest 64, of whose innovations the quantiles become bins.
"""

from math import sqrt
from typing import Any

import numpy as np

from stream_app.core.drift.autocorrelation import (
    SIGNIFICANT,
    add_to_blocks,
    levinson_durbin,
    order_by_bic,
    series_time,
)
from stream_app.core.drift.betting import RANKS
from stream_app.core.drift.records import FITTED, LOCATED, ORDER, SAMPLE, UNLOCATED
from stream_app.core.kernel import kernel

__all__ = ["LEVEL_ERROR", "LONG", "MOST", "SHORT", "TRACKING", "begin", "fit", "from_level", "gather"]
__all__ += ["in_spreads", "remember", "standardised", "usable"]

TRACKING = 64
"""Events over which a wandering channel's level and scale are averaged: long enough for a change of one
standard deviation to gather evidence for an alarm, short against the wander of a plant."""

MOST = 1e15
"""Beyond this a number is no measurement and teaches nothing."""

_FAR = 50.0  # standardised values are clipped here, so that one absurd number cannot dwell in a filter
_REPRESENTABLE = 1e30  # in single precision
_TINY = 1e-30
LEVEL_ERROR = 0.4  # of the smallest effect: a level known no better makes a channel tracked
_NUMBER = 14  # where `moments` counts
SHORT, LONG = 128, 16  # blocks of a warm-up by which its memory is judged


@kernel
def usable(value: float) -> bool:
    """Whether a value may teach."""
    return abs(value) <= MOST


@kernel
def begin(c: Any) -> None:
    """Forget a channel."""
    c["stage"] = UNLOCATED
    c["seen"] = 0
    c["known"] = 0
    c["pending"] = 0
    c["rank"] = RANKS
    c["wanders"] = False
    c["moments"][:] = 0.0
    c["past"][:] = 0.0


@kernel
def gather(c: Any, value: float, warmup: int) -> None:
    """Take a value from which the filter will be fitted."""
    seen = int(c["seen"])
    if seen == 0:
        c["origin"] = value
    c["sample"][seen % SAMPLE] = _from_origin(c, value)
    c["seen"] = seen + 1
    if c["stage"] == LOCATED:
        _accumulate(c, standardised(c, value, 0.0), warmup)
    elif (seen + 1) % SAMPLE == 0 and _locate(c, SAMPLE):
        c["stage"] = LOCATED
        _accumulate_sample(c, SAMPLE, warmup)


@kernel
def _from_origin(c: Any, value: float) -> float:
    away = value - float(c["origin"])
    return float(np.float32(max(-_REPRESENTABLE, min(_REPRESENTABLE, away))))


@kernel
def standardised(c: Any, value: float, near: float) -> float:
    """Return a value from the centre in scales, clipped to the neighbourhood of `near`."""
    away = (_from_origin(c, value) - float(c["centre"])) / float(c["scale"])
    return max(near - _FAR, min(near + _FAR, away))


@kernel
def _locate(c: Any, n: int) -> bool:
    """Set median and a standard deviation that a few absurd values cannot move; return whether values differ."""
    sample = c["sample"]
    centre = _median(sample, n, 0.0, absolute=False)
    scale = 1.4826 * _median(sample, n, centre, absolute=True)
    if scale == 0.0:
        # More than half of the values are equal: use the others, but not the farthest.
        total, farthest = 0.0, 0.0
        for i in range(n):
            away = abs(float(sample[i]) - centre)
            total += away
            farthest = max(farthest, away)
        scale = (total - farthest) / n
    c["centre"] = centre
    c["scale"] = min(max(scale, 1e-9 * abs(centre), _TINY), _REPRESENTABLE)
    return scale > 0.0


@kernel
def _median(sample: Any, n: int, centre: float, absolute: bool) -> float:  # noqa: FBT001 a kernel takes no keywords
    """Return the (lower) median of values from a centre, or of their sizes, by counting: no copy, n is small."""
    for i in range(n):
        mine = float(sample[i]) - centre
        mine = abs(mine) if absolute else mine
        less = equal = 0
        for j in range(n):
            other = float(sample[j]) - centre
            other = abs(other) if absolute else other
            less += other < mine
            equal += other == mine
        if less <= (n - 1) // 2 < less + equal:
            return mine
    return 0.0


@kernel
def _accumulate_sample(c: Any, n: int, warmup: int) -> None:
    """Catch up with the values that came before the centre was known."""
    for i in range(n):
        away = (float(c["sample"][i]) - float(c["centre"])) / float(c["scale"])
        _accumulate(c, max(-_FAR, min(_FAR, away)), warmup)


@kernel
def _accumulate(c: Any, z: float, warmup: int) -> None:
    """Add a standardised value to the moments: sum, products of lags 0 to 8, sums of blocks, number."""
    moments, past = c["moments"], c["past"]
    number = int(moments[_NUMBER]) + 1
    moments[_NUMBER] = number
    moments[0] += z
    moments[1] += z * z
    for lag in range(ORDER):
        moments[2 + lag] += z * float(past[lag])
    add_to_blocks(moments, 10, z, number, max(2, warmup // SHORT))
    add_to_blocks(moments, 12, z, number, max(2, warmup // LONG))
    remember(past, z)


@kernel
def remember(past: Any, z: float) -> None:
    """Push a standardised value to the front of the latest ones."""
    for lag in range(ORDER - 1, 0, -1):
        past[lag] = past[lag - 1]
    past[0] = z


@kernel
def fit(c: Any, warmup: int, min_effect: float) -> None:
    """Fit the filter of a channel on what was gathered, and put the innovations of the sample in its place.

    The sample then holds innovations in time order, the newest last; the first `ORDER` of them mean nothing.
    """
    n = min(int(c["seen"]), SAMPLE)
    if c["stage"] == UNLOCATED:
        _locate(c, n)
        _chronological(c["sample"], int(c["seen"]), n)
        _accumulate_sample(c, n, warmup)
    else:
        _chronological(c["sample"], int(c["seen"]), n)
    _fit_moments(c, warmup, min_effect)
    sample, coefficients = c["sample"], c["coefficients"]
    for i in range(n):
        away = (float(sample[i]) - float(c["centre"])) / float(c["scale"])
        sample[i] = max(-_FAR, min(_FAR, away))
    for i in range(n - 1, ORDER - 1, -1):
        innovation = float(sample[i])
        for lag in range(ORDER):
            innovation -= float(coefficients[lag]) * float(sample[i - 1 - lag])
        sample[i] = innovation
    if c["tracked"]:
        _track_sample(c, n)
    else:
        c["unit"] = _mean_size(sample, n)
    c["stage"] = FITTED


@kernel
def _fit_moments(c: Any, warmup: int, min_effect: float) -> None:
    """Choose the filter by the moments, which share their bytes with its coefficients."""
    m = c["moments"]
    number = max(1, int(m[_NUMBER]))
    mean, squares = float(m[0]) / number, float(m[13])
    square = mean * mean
    variance = float(m[1]) / number - square
    short, long = max(2, warmup // SHORT), max(2, warmup // LONG)
    total = float(m[0])
    time = max(
        series_time(m, 10, total, number, short, variance, SIGNIFICANT),
        series_time(m, 12, total, number, long, variance, SIGNIFICANT),
    )
    total -= float(m[12])
    covariances = (
        variance,
        float(m[2]) / number - square,
        float(m[3]) / number - square,
        float(m[4]) / number - square,
        float(m[5]) / number - square,
        float(m[6]) / number - square,
        float(m[7]) / number - square,
        float(m[8]) / number - square,
        float(m[9]) / number - square,
    )
    coefficients = c["coefficients"]
    coefficients[:] = 0.0
    c["order"] = 0
    excess = ar_time = 1.0
    if variance > 0.0:
        order = order_by_bic(covariances, number, coefficients)
        c["order"] = order
        error = levinson_durbin(covariances, order, coefficients)
        persistence = 0.0
        for lag in range(ORDER):
            persistence += float(coefficients[lag])
        distance = max(1.0 - persistence, 1e-3)
        # Of an autoregression: the variance of a mean over that of independent values.
        ar_time = error / variance / (distance * distance)
        time = max(time, ar_time)
        if persistence > 0.0:
            # What is left of it if the sum of the coefficients is one standard error off.
            off = sqrt(max(1.0 - persistence * persistence, 0.0) / number)
            excess = (1.0 + off / distance) ** 2
    deviation = sqrt(max(variance, 0.0))
    # Until the channel is watched, these hold the first half of what tells whether its level wanders.
    c["recent"], c["recent_square"], c["scale_time"] = total, squares, max(ar_time, 1.0)
    c["mean"] = float(c["centre"]) + float(c["scale"]) * mean
    c["deviation"] = float(c["scale"]) * deviation
    if deviation > 1.0:
        # The scale was that of the first few values.
        c["scale"] = float(c["scale"]) * deviation
        for lag in range(ORDER):
            c["past"][lag] = c["past"][lag] / deviation
        c["recent"] = float(c["recent"]) / deviation
        c["recent_square"] = float(c["recent_square"]) / (deviation * deviation)
    # A short reference of independent events knows its level no better, but has no wander to follow.
    c["tracked"] = c["wanders"] or (time > 1.0 and sqrt(time / warmup) > LEVEL_ERROR * min_effect)
    c["level_time"] = excess
    c["odds"][:] = 0


@kernel
def _chronological(sample: Any, seen: int, n: int) -> None:
    """Rotate a ring so that the newest value is its last."""
    start = seen % n
    if seen > n and start > 0:
        _reverse(sample, 0, start)
        _reverse(sample, start, n)
        _reverse(sample, 0, n)


@kernel
def _reverse(values: Any, first: int, stop: int) -> None:
    for i in range((stop - first) // 2):
        values[first + i], values[stop - 1 - i] = values[stop - 1 - i], values[first + i]


@kernel
def _track_sample(c: Any, n: int) -> None:
    """Make the sample's innovations relative to their recent level and size, and begin tracking."""
    sample = c["sample"]
    total = 0.0
    for i in range(ORDER, n):
        total += float(sample[i])
    c["level"] = total / max(n - ORDER, 1)
    for i in range(ORDER, n):
        sample[i] = from_level(c, float(sample[i]))
    c["unit"] = _mean_size(sample, n)
    c["spread"] = c["unit"]
    for i in range(ORDER, n):
        sample[i] = in_spreads(c, float(sample[i]))


@kernel
def _mean_size(sample: Any, n: int) -> float:
    size = 0.0
    for i in range(ORDER, n):
        size += abs(float(sample[i]))
    return max(size / max(n - ORDER, 1), 1e-12)


@kernel
def from_level(c: Any, innovation: float) -> float:
    """Return an innovation from the mean of those before it, and move the mean on."""
    away = innovation - float(c["level"])
    c["level"] = float(c["level"]) + away / TRACKING
    return away


@kernel
def in_spreads(c: Any, away: float) -> float:
    """Return an innovation in units of the mean size of those before it, and move that on."""
    unit, spread = float(c["unit"]), float(c["spread"])
    c["spread"] = spread + (min(abs(away), 6.0 * unit) - spread) / TRACKING
    return away / max(spread, 0.05 * unit)
