"""Forecasts of one series, and how unusual its value is: the record of a series, and its step by a window.

A series is held against two forecasts, learned with bounded memory from its own past:

- *slowly*: its level of the last days plus what a day and a week add to it. The mean of the last windows is looked at: a weak shift that
  stays, a leak over hours.
- *fast*: the same plus where it was within the last hour. The newest window alone is looked at: an abrupt change of a value that wanders.

Either is a standardised residual whose rarity is told by its own past (`ranks`). A season is taken off where that lowers the error by a tenth,
over two periods at least. Residuals that are learned from are drawn in to three scales, and nothing is learned while an incident is open. Ranks are
counted hours later, or never where the windows became part of an incident (`Lag`, `drop`): the second window of a fault shall not be usual because the
first was seen, nor a leak because it is slow.

A shift and a change of units of a series changes none of its scores.

References
----------
K. Bandara, R. J. Hyndman and C. Bergmeir (2021), MSTL; P. J. Huber (1964), Robust estimation of a location parameter.
"""

import math
from typing import Any

import numpy as np

from stream_app.core.kernel import kernel
from stream_app.core.platform.ranks import BINS, TAIL, bin_of, count, fit_tails, nats_above, normal_score
from stream_app.core.platform.stored import finite

__all__ = [
    "DAY",
    "MOST_PERIODS",
    "PHASE",
    "PHASES",
    "RANK_DAYS",
    "SCORES",
    "SERIES",
    "WATCHED",
    "adopt_levels",
    "count_ranks",
    "is_sound",
    "step",
]

MOST_PERIODS = 2
PHASES = 56
"""Bins of a period: 26 minutes of a day, three hours of a week."""
YOUNG = 32
"""Windows until a series has a scale, and ranks are counted."""
WATCHED = 48
"""Windows until its scores are told."""
REFRESH = 32
"""Windows between fits of the tails."""
HOUR, DAY = 3600.0, 86_400.0
LEVEL_DAYS, SCALE_DAYS, RANK_DAYS, PERIODS_KEPT = 2.0, 4.0, 14.0, 7.0
LEAST_FAST = 12.0
"""Windows of the fast memory at least."""
SEASONAL = 0.9
SEEN = 2.0
CUT = 3.0
GROSS = 100.0
TO_SCALE = 1.2533
"""Standard deviation of normal noise over its mean absolute value."""
BOUND = 4.0
"""Standardised residuals enter the components drawn in to so many scales."""
ALIKE = 30.0
"""Windows of the mean that tells how dependent residuals are."""
ODD = 2.5
ANEW = 200.0
"""Values that are left in the ranks of a series whose new level was adopted."""
HUGE = 1e12
FARTHEST = 1e30

SERIES = np.dtype(
    [
        ("depth", np.int64),  # seasons that are taken off
        ("age", np.int64),  # windows that it was there
        ("odd", np.bool_),  # whether its newest value is unusual
        ("_odd", np.uint8, (7,)),  # nothing: numpy copies no gaps, and their bytes are part of a state
        ("last", np.float64),  # end of the newest one
        ("present", np.float32),  # share of windows that it is there
        ("_present", np.uint8, (4,)),  # as above
        ("level", np.float64),
        ("fast", np.float64),  # where it was within the last hour, beside level and seasons
        ("smooth", np.float64),  # residual of the last windows
        ("scale", np.float64),  # mean absolute residual of the fast forecast
        ("errors", np.float64, (3,)),  # of the slow one with no, one and two seasons
        ("total", np.float64, (2,)),  # values in the histograms of slow and fast
        ("centre", np.float64, (2,)),  # mean of the standardised residuals of slow and fast
        ("square", np.float64, (2,)),  # and their variance
        ("mean", np.float64, (2,)),  # their mean of the last windows
        ("means", np.float64, (2,)),  # and its variance
        ("low", np.float32),  # standardised residuals of the fast forecast that one in 200 is below, or above
        ("high", np.float32),
        ("tails", TAIL, (2, 2)),
    ],
    align=True,
)

SCORES = np.dtype([(name, np.float64) for name in ("score", "nats", "standard", "low", "high")])
PHASE = np.dtype([("first", np.int64), ("second", np.int64), ("share", np.float64)])


@kernel
def _depth(c: Any, periods: Any, window: float) -> int:
    """Return how many seasons make the best forecast; one that is taken off is until it is worse than none."""
    depth = 0
    for k in range(len(periods)):
        share = 1.0 if c["depth"] > k else SEASONAL
        if c["age"] * window >= SEEN * periods[k] and c["errors"][k + 1] < share * c["errors"][depth]:
            depth = k + 1
    return depth


@kernel
def _cut(x: float, bound: float) -> float:
    return min(max(x, -bound), bound)


@kernel
def _towards(mean: float, x: float, gain: float) -> float:
    """Take an absolute residual into a mean that one of them can raise by little, but many as far as it must."""
    return mean + (min(x, GROSS * mean if mean > 0.0 else x) - mean) * gain


@kernel
def _band(c: Any, histogram: Any) -> None:
    """Set which standardised residuals one in 200 is below, and above."""
    wanted = 0.005 * c["total"][1]
    below = 0.0
    low = 0
    while low < BINS - 1 and below + histogram[low] <= wanted:
        below += histogram[low]
        low += 1
    above = 0.0
    high = BINS - 1
    while high > 0 and above + histogram[high] <= wanted:
        above += histogram[high]
        high -= 1
    c["low"] = math.sinh((low - 31.5) / 4.0)
    c["high"] = math.sinh((high - 30.5) / 4.0)


@kernel
def _learn_dependence(c: Any, k: int, u: float, gain: float) -> None:
    """Take a standardised residual into the variance of residuals, and of their mean over about `ALIKE` windows."""
    u = _cut(u, BOUND)
    c["centre"][k] += (u - c["centre"][k]) * gain
    c["square"][k] += ((u - c["centre"][k]) ** 2 - c["square"][k]) * gain
    c["mean"][k] += (u - c["mean"][k]) / ALIKE
    c["means"][k] += ((c["mean"][k] - c["centre"][k]) ** 2 - c["means"][k]) * gain


@kernel
def _judge(
    c: Any,
    k: int,
    u: float,
    histogram: Any,
    worse: int,
    known_scale: bool,  # noqa: FBT001
) -> tuple[float, float]:
    """Return the signed normal score of a standardised residual, and the nats of its being worse."""
    total = c["total"][k]
    # Means of dependent values vary more than those of as many independent ones.
    independent = total
    if c["means"][k] > 0.0:
        independent *= min(1.0, c["square"][k] / (c["means"][k] * (2.0 * ALIKE - 1.0)))
    upper = nats_above(u, histogram, total, independent, c["tails"][k], 1, known_scale)
    lower = nats_above(u, histogram, total, independent, c["tails"][k], 0, known_scale)
    score = normal_score(upper) if upper > lower else -normal_score(lower)
    if worse > 0:
        return score, upper
    if worse < 0:
        return score, lower
    return score, max(upper, lower) - 0.6931471805599453


@kernel
def step(  # noqa: C901, PLR0912, PLR0915
    values: Any, ts: float, window: float, smooth: float, least: float, worse: Any, periods: Any, phases: Any, learns: bool,  # noqa: FBT001
    records: Any, profiles: Any, visits: Any, histograms: Any, bins: Any, out: Any,
) -> None:  # fmt: skip
    """Go on by a window; `bins` are set to what waits to be counted, `out` to the scores, see `Baselines.update`."""
    fast_memory = max(LEAST_FAST, HOUR / window)
    level_memory = LEVEL_DAYS * DAY / window
    scale_memory = SCALE_DAYS * DAY / window
    for i in range(len(values)):
        c = records[i]
        x = values[i]
        here = math.isfinite(x)
        if learns and c["age"] > 0:
            c["present"] += ((1.0 if here else 0.0) - c["present"]) / min(c["age"] + 1.0, level_memory)
        bins[i, 0] = bins[i, 1] = -1
        out["score"][i] = out["standard"][i] = out["low"][i] = out["high"][i] = math.nan
        out["nats"][i] = 0.0
        if not here:
            continue
        x = _cut(x, FARTHEST)
        if c["age"] == 0:
            c["level"] = x
            c["present"] = 1.0
            c["last"] = ts
        missed = (ts - c["last"]) / window - 1.0
        if missed > 0.5 and learns:
            c["fast"] *= math.exp(-missed / fast_memory)
        if missed > smooth:
            c["smooth"] = 0.0
        c["last"] = ts
        floor = least + 1e-9 * abs(c["level"]) + 1e-300
        depth = c["depth"]
        season = 0.0
        residual = x - c["level"]
        expected = c["level"]
        for k in range(len(periods)):
            phase = phases[k]
            first, second, share = phase["first"], phase["second"], phase["share"]
            season = (1.0 - share) * profiles[i, k, first] + share * profiles[i, k, second]
            if k < depth:
                expected += season
        slow = x - expected
        scale = TO_SCALE * c["errors"][depth]
        bound = CUT * scale if c["age"] >= YOUNG and smooth > 1.0 else math.inf
        # Away by steps that are drawn in, or one outlier would be there for several windows; back to 0 by whole ones.
        change = slow - c["smooth"]
        back = abs(c["smooth"]) if change * c["smooth"] < 0.0 else 0.0
        c["smooth"] += _cut(change, bound + back) / smooth
        rapid = slow - c["fast"]
        u0 = _cut(c["smooth"] / (scale + floor), HUGE)
        u1 = _cut(rapid / (TO_SCALE * c["scale"] + floor), HUGE)
        if c["age"] >= YOUNG:
            bins[i, 0] = bin_of(u0)
            bins[i, 1] = bin_of(u1)
        if c["age"] >= WATCHED:
            z0, e0 = _judge(c, 0, u0, histograms[i, 0], worse[i], least > 0.0)
            z1, e1 = _judge(c, 1, u1, histograms[i, 1], worse[i], least > 0.0)
            out["score"][i] = z0 if abs(z0) > abs(z1) else z1
            out["nats"][i] = max(e0, e1)
            c["odd"] = abs(out["score"][i]) > ODD
            out["standard"][i] = _cut(residual / (TO_SCALE * c["errors"][0] + floor), BOUND)
            unit = TO_SCALE * c["scale"]
            out["low"][i] = expected + c["fast"] + c["low"] * unit
            out["high"][i] = expected + c["fast"] + c["high"] * unit
        if not learns:
            continue
        age = c["age"]
        gain = 1.0 / min(age + 1.0, scale_memory)
        # Of what is unusual just now the next windows say whether it goes on: it tells of a fault, not of noise.
        if age >= YOUNG and not c["odd"]:
            _learn_dependence(c, 0, u0, gain)
            _learn_dependence(c, 1, u1, gain)
        c["fast"] += _cut(rapid, CUT * TO_SCALE * c["scale"] if age >= YOUNG else math.inf) / fast_memory
        if age > 0:
            c["scale"] = _towards(c["scale"], abs(rapid), gain)
            c["errors"][0] = _towards(c["errors"][0], abs(residual), gain)
        for k in range(len(periods)):
            phase = phases[k]
            first, second, share = phase["first"], phase["second"], phase["share"]
            season = (1.0 - share) * profiles[i, k, first] + share * profiles[i, k, second]
            residual -= season
            if age > 0:
                c["errors"][k + 1] = _towards(c["errors"][k + 1], abs(residual), gain)
            change = _cut(residual, CUT * TO_SCALE * c["errors"][k] if age >= YOUNG else math.inf)
            most = PERIODS_KEPT * max(1.0, periods[k] / PHASES / window)
            visits[i, k, first] = min(visits[i, k, first] + 1.0 - share, most)
            visits[i, k, second] = min(visits[i, k, second] + share, most)
            profiles[i, k, first] += change * (1.0 - share) / (visits[i, k, first] + 1.0)
            profiles[i, k, second] += change * share / (visits[i, k, second] + 1.0)
        c["level"] += _cut(slow, CUT * scale if age >= YOUNG else math.inf) / min(age + 1.0, level_memory)
        c["age"] = age + 1
        if age % REFRESH == 0:
            c["depth"] = _depth(c, periods, window)
            for k in range(2):
                fit_tails(histograms[i, k], c["total"][k], c["tails"][k])
            _band(c, histograms[i, 1])


@kernel
def count_ranks(bins: Any, most: float, records: Any, histograms: Any) -> None:
    """Count a window that waited."""
    for i in range(len(bins)):
        c = records[i]
        for k in range(2):
            at = bins[i, k]
            if at < 0:
                continue
            c["total"][k] = count(histograms[i, k], at, most, c["total"][k])


@kernel
def adopt_levels(records: Any, histograms: Any) -> None:
    """Make where the series are the usual level, of those that are elsewhere, and that absent what is absent.

    What has been learned of how these vary counts little from now on.
    """
    newest = 0.0
    for i in range(len(records)):
        newest = max(newest, records[i]["last"])
    for i in range(len(records)):
        c = records[i]
        c["present"] = 1.0 if c["last"] == newest else 0.0
        if abs(c["smooth"]) > TO_SCALE * c["errors"][0]:
            c["level"] += c["smooth"]
        if c["odd"]:
            for k in range(2):
                share = min(1.0, ANEW / max(c["total"][k], 1.0))
                c["total"][k] *= share
                for b in range(BINS):
                    histograms[i, k, b] *= share
        c["fast"] = c["smooth"] = 0.0


def is_sound(records: Any, seasons: int) -> bool:
    """Whether no record leads beyond an array, or to what has no logarithm or root."""
    tails = records["tails"]
    fitted = tails["share"] > 0.0
    numbers = [records[name] for name, (kind, _) in records.dtype.fields.items() if kind.base.kind == "f"]
    places = (
        (records["depth"] >= 0)
        & (records["depth"] <= seasons)
        & (records["age"] >= 0)
        & (records["age"] < 2**53)
    )
    return bool(
        places.all()
        and finite(*numbers, *(tails[name] for name in TAIL.names or ()))
        and all(
            (records[name] >= 0.0).all()
            for name in ("present", "scale", "errors", "total", "square", "means")
        )
        and ((tails["scale"] > 0.0) & (tails["shape"] > 0.0))[fitted].all()
    )
