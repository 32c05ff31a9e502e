"""Statistics of one channel at one event, and the evidence they give together.

============ ========================================================================= ==============================
magnitude    mean of the last three residuals                                          a spike, an outage
shift        exponential mean of 16 values less the follower of 200                    a step
spread       log of the innovations' mean size, 24 values to 2,000                      noise that swells or dies
offset       exponential mean of 16 values less the level held against                 a slow departure
surprise     bets on ranks of residuals, fading over ten events                        many values that are rare each
progress     bets on shift, spread and offset, summed, restarted at zero               a small change that stays
============ ========================================================================= ==============================

The first four are ranked by Student's t about their own root mean square, with as many degrees of freedom as they changed their sign, or as
their kurtosis leaves. No scale is less than a share of the range that the channel showed, or than what its resolution
makes: a constant that flickers by its last digit would drown everything else.
"""

import math
from typing import Any

from stream_app.core.anomaly.forecast import BOUND, MEMORY, learn_forecasts, nearer, start_channel, wanders
from stream_app.core.anomaly.records import MAGNITUDE, OFFSET, RANKS, SHIFT, SPREAD, STATISTICS, SURPRISE
from stream_app.core.anomaly.tails import (
    clipped,
    degrees,
    note_peak,
    rated,
    student_evidence,
    tail_mean,
)
from stream_app.core.kernel import kernel

__all__ = ["FARTHEST", "GROSS", "channel_step", "is_gross", "level_unit"]

"""Values are drawn in to this: their squares are finite."""
GROSS = 100.0
"""Evidence of a gross departure."""
RANGE_FLOOR = 0.007
"""Least scale, as a share of the range shown: a departure of 2 % is at most ordinary (2.8 scales)."""
WANDER = 0.15
"""Least scale of smoothed values, in standard deviations of single ones: sets the smallest shift of interest."""
ROUNDING = 0.2887
"""Standard deviation of an error of rounding to steps of 1: 1 / sqrt(12)."""
SPREAD_FLOOR = 0.01
"""Least mean square of the spread statistic: a tenth is an ordinary change of noise."""
BET = 0.3
"""kappa of the bets kappa p^(kappa - 1) (Vovk 2021); their logarithm is log kappa + (1 - kappa) times -log p."""
LOG_BET = math.log(BET)
WINS = math.exp(LOG_BET / (1.0 - BET))
"""Probability below which a bet wins."""
FADE = 0.9
"""Share of the surprise that the next event keeps."""
FARTHEST = 4.0
"""Normal equivalents are drawn in to this: one channel that is far off is seen by itself."""
STALE = 16
"""Values after a missing one until the slow mean is hardly another for it: its span."""
LARGEST_PROGRESS = 30.0
LARGEST_BET = 5.0
"""Most evidence that one value brings to the progress: what is rarer speaks by itself."""
CLUSTERED = 2.72
"""Mean square over squared mean of the lengths of the runs in which an exponential mean of 16 independent values keeps its sign (simulated)."""

LONGEST_RUN = 30_000
"""Values in a row far off that are counted."""


@kernel
def is_gross(c: Any) -> bool:
    """Whether a channel is beyond ten half ranges of its past for three values, or beyond three for thirty, and left its latest values."""
    return bool(c["farther"] >= 3 or c["far"] >= 30)


@kernel
def level_unit(c: Any) -> float:
    """Return the scale of smoothed values about the base, with what the level may have wandered since the base stood still."""
    span = c["high"] - c["low"]
    deviation = 1.25 * c["size"]
    wandered = c["wander"] * c["since"] / 200.0
    square = c["square"][SHIFT] + (WANDER * deviation) ** 2 + (RANGE_FLOOR * span) ** 2 + wandered
    return math.sqrt(square) + 1e-300


@kernel
def _watch_range(
    c: Any,
    x: float,
    wandering: bool,  # noqa: FBT001
    learned: bool,  # noqa: FBT001
) -> None:
    span = c["high"] - c["low"]
    middle = 0.5 * (c["high"] + c["low"])
    # A constant shows no unit but its magnitude.
    unit = 0.5 * span if span > 0.0 else 1e-3 * max(abs(middle), 1e-9)
    away = abs(x - middle)
    if learned:
        # What wanders leaves a range that a few hundred values showed, slowly; a fault leaves its latest 200 values, too.
        near = wandering and abs(x - c["season"] - c["follower"]) <= 1.5 * unit
        c["far"] = min(c["far"] + 1, LONGEST_RUN) if away > 3.0 * unit and not near else 0
        # Far beyond the excursion, too: another one, which must not be taken for the one that may become usual.
        if abs(x - 0.5 * (c["highest"] + c["lowest"])) > 1.5 * max(c["highest"] - c["lowest"], 2.0 * unit):
            c["far"] = min(c["far"], 1)
        c["farther"] = min(c["farther"] + 1, LONGEST_RUN) if away > 10.0 * unit else 0
    c["lowest"] = min(c["lowest"], x)
    c["highest"] = max(c["highest"], x)
    if c["far"] == 0 and not c["member"]:
        c["low"] = c["lowest"]
        c["high"] = c["highest"]
    step = abs(x - c["last"])
    if step > 0.0 and (c["step"] == 0.0 or step < c["step"]):
        c["step"] = step
    c["last"] = x


@kernel
def _rank(c: Any, residual: float) -> int:
    """Return the bin of the size of a residual: two an octave."""
    fraction, exponent = math.frexp(max(abs(residual), 1e-300))
    k = 2 * int(exponent) + (1 if fraction >= 0.7071 else 0) - c["rank_origin"]
    return int(min(max(k, 0), RANKS - 1))


@kernel
def _surprise(c: Any, residual: float, tested: float, learned: bool) -> None:  # noqa: FBT001
    """Rank the size of a residual in all of the past, and bet on it."""
    count = c["count"]
    if count == 30:
        c["rank_origin"] = 2 * int(math.frexp(max(c["size"], 1e-300))[1]) - 22
    if count < 30:
        return
    ranks = c["ranks"]
    if learned:
        bin_ = _rank(c, tested)
        larger = 0.0
        for k in range(bin_ + 1, RANKS):
            larger += ranks[k]
        p = (larger + 0.5 * ranks[bin_] + 0.5) / (c["ranked"] + 1.0)
        if p < WINS or c["surprise"] > 0.0:
            c["surprise"] = max(0.0, FADE * c["surprise"] + LOG_BET - (1.0 - BET) * math.log(p))
    ranks[_rank(c, residual)] += 1.0
    c["ranked"] += 1.0


@kernel
def _independent(c: Any) -> float:
    """Return how many independent values an event of a smoothed channel is worth: one for each run of a sign, as a value meets it.

    A value lies in a long run more likely than in a short one: the run about it has the mean square over the mean of all lengths. A slow wander
    below fast noise has many short runs about zero and few long ones, so that its mean run would say that it is quick.
    """
    return min(1.0, CLUSTERED / max(float(c["met"]), 1.0))


@kernel
def _end_run(c: Any) -> None:
    """Take a run of one sign of the offset into the mean that each of its values meets."""
    length = float(c["run"])
    c["met"] += (length - c["met"]) * min(length / min(c["count"], MEMORY), 1.0)
    c["run"] = 0


@kernel
def _progress(c: Any, e: float) -> None:
    """Add a bet on smoothed evidence; a geometric mean of interleaved bets, as values of one run depend on each other.

    The geometric mean of e-processes is at most their arithmetic mean, hence an e-process (Vovk and Wang 2021).
    """
    worth = min(e, LARGEST_BET, math.log(1.0 + c["turns"][OFFSET]))
    kept = c["progress"] if e > 1.0 else 0.9 * c["progress"]
    bet = (LOG_BET + (1.0 - BET) * worth) * _independent(c)
    c["progress"] = min(max(kept + bet, 0.0), LARGEST_PROGRESS)


@kernel
def channel_step(  # noqa: C901, PLR0912, PLR0915 one formula after the other
    c: Any, value: float, learned: float
) -> float:
    """Take a value, and return the evidence of the channel in nats.

    Parameters
    ----------
    c : record of CHANNEL
        Its seasons are forecast by now, see `forecast_seasons`.
    value : float
        NaN is a missing one.
    learned : float
        Events of the channel whose evidence counted; 0 while it does not count yet.
    """
    c["evidence"] = 0.0
    c["normal"] = 0.0
    if value != value:  # noqa: PLR0124 the test for NaN that kernels have
        c["stale"] = max(c["stale"], STALE)
        return 0.0
    if c["stale"] > 0:
        c["stale"] -= 1
    x = clipped(value, BOUND)
    c["count"] += 1
    count = c["count"]
    if count == 1:
        start_channel(c, x)
        return 0.0
    judging = learned > 0.0
    wandering = wanders(c)
    y = x - c["season"]
    _watch_range(c, x, wandering, judging)
    residual = y - (c["follower"] if wandering else c["mean"])
    # From the mean to what the channel is held against.
    apart = c["follower"] - c["mean"] if wandering else 0.0
    before = c["residual"]
    magnitude = (residual + before[0] + before[1]) / 3.0
    c["crossed"] += ((1.0 if residual * before[0] <= 0.0 else 0.0) - c["crossed"]) / min(count, 1000)
    before[1] = before[0]
    before[0] = residual
    usual = c["usual_noise"]
    innovation = abs(y - c["fast"])
    if count > 20:
        innovation = min(innovation, 5.0 * usual)
    c["fast"] += (y - c["fast"]) * (2.0 / 9.0)
    c["slow"] += (y - c["slow"]) * (2.0 / 17.0)
    c["noise"] += (innovation - c["noise"]) * (2.0 / 25.0 if count > 25 else 1.0 / count)
    _surprise(c, residual, nearer(residual, apart), judging)
    best = 0.0
    if count > 16:
        span = c["high"] - c["low"]
        middle = 0.5 * (c["high"] + c["low"])
        rounding = ROUNDING * c["step"]
        deviation = WANDER * 1.25 * c["size"]
        floor = (RANGE_FLOOR * span) ** 2 + 0.25 * rounding * rounding + 1e-24 * middle * middle + 1e-300
        least = 0.3 * c["step"] + 0.002 * span + 1e-300
        gain = 1.0 / min(count, MEMORY)
        kurtosis_gain = 1.0 / min(learned + 30.0, MEMORY)
        squares, turns, kurtosis = c["square"], c["turns"], c["kurtosis"]
        largest = 0.0
        for k in range(SURPRISE):
            if k == MAGNITUDE:
                t, square = magnitude, squares[k] + floor
            elif k == SPREAD:
                t, square = math.log((c["noise"] + least) / (usual + least)), squares[k] + SPREAD_FLOOR
            else:
                t = c["slow"] - (c["follower"] if k == SHIFT or wandering else c["mean"])
                square = squares[k] + deviation * deviation + floor
            if judging:
                tested = t if k == SPREAD else nearer(t, apart)
                z_square = tested * tested / square
                # Near the middle all tails are alike, and a root and a logarithm are saved.
                e = 0.5 * z_square
                if e > 1.0:
                    e = student_evidence(math.sqrt(z_square), degrees(turns[k], kurtosis[k]))
                # A fault is one stretch, however long: it must not make the tail heavy by which it is judged.
                heavier = (min(t * t / square, 100.0) ** 2 - kurtosis[k]) * kurtosis_gain
                if k == OFFSET:
                    c["heavier"] += heavier
                else:
                    kurtosis[k] += heavier
                if k == SHIFT:
                    # Always from the follower: channels that go together would part where one of them begins to wander.
                    own = e
                    if tested != t:
                        z = math.sqrt(t * t / square)
                        own = student_evidence(z, degrees(turns[k], kurtosis[k]))
                    c["normal"] = math.copysign(min(math.sqrt(2.0 * own), FARTHEST), t)
                elif k == SPREAD:
                    c["spread_evidence"] = e
                # Of statistics that go together, the largest is worth log 2 less.
                if k == OFFSET:
                    largest = max(c["spread_evidence"], e) - 0.7
                g = rated(e, c["clusters"][k] if k != OFFSET else 0.0, 1.0, learned) if e > 2.0 else e
                best = max(best, g)
                if k != OFFSET and (e > 4.0 or c["peak"][k] > 0.0):
                    note_peak(e, k, c["peak"], c["quiet"], c["clusters"], c["excess"])
            sign = 1 if t > 0.0 else -1
            if k == OFFSET:
                c["run"] += 1
            if sign != c["sign"][k]:
                turns[k] += 1.0
                c["sign"][k] = sign
                if k == OFFSET:
                    kurtosis[k] = max(1.0, kurtosis[k] + c["heavier"])
                    c["heavier"] = 0.0
                    _end_run(c)
            square = t * t
            if count > 64 and squares[k] > 0.0:
                square = min(square, 9.0 * squares[k])
            squares[k] += (square - squares[k]) * gain
        if judging:
            _progress(c, largest)
            best = max(best, _gathered(c, learned))
    c["usual_noise"] += (innovation - usual) / min(count, 2000)
    learn_forecasts(c, x, y, residual)
    if judging and is_gross(c):
        best = GROSS
    c["evidence"] = best
    return best


@kernel
def _gathered(c: Any, learned: float) -> float:
    """Return the evidence of what is summed over events; surprise claims no more than the length of the past supports."""
    clusters, excess, peak, quiet = c["clusters"], c["excess"], c["peak"], c["quiet"]
    best = 0.0
    for k in range(OFFSET, STATISTICS):
        e = c["progress"] if k == OFFSET else c["surprise"]
        if e > 2.0:
            g = rated(e, clusters[k], tail_mean(clusters[k], excess[k]), learned)
            best = max(best, min(g, math.log(learned + 1.0) + 1.0) if k == SURPRISE else g)
        if e > 4.0 or peak[k] > 0.0:
            note_peak(e, k, peak, quiet, clusters, excess)
    return best
