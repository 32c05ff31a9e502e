"""The multivariate drift detector of one source: a function of one event."""

from math import acos, log, pi
from typing import Any

import numpy as np

from stream_app.core.drift.autocorrelation import SIGNIFICANT, add_to_blocks, series_time
from stream_app.core.drift.betting import RANKS
from stream_app.core.drift.ecusum import advance, raised
from stream_app.core.drift.filtering import begin, fit, gather, usable
from stream_app.core.drift.halfspaces import (
    PLANES,
    fit_projection,
    product,
    project,
    sides_of,
    squared_distance,
)
from stream_app.core.drift.multivariate_records import BETS, LOOKS, RECENT
from stream_app.core.drift.ranking import (
    bins_from_sample,
    classes_from_counts,
    count,
    innovation_bin,
    sort_in_place,
)
from stream_app.core.drift.step import blame
from stream_app.core.kernel import emit, kernel

__all__ = ["DISTANCE", "MULTIVARIATE", "multivariate_statistic", "multivariate_step"]

MULTIVARIATE, DISTANCE = range(2)
"""Numbers of the kinds of change in signals."""

_BLOCK = 16  # events for which the witness stays as it is
_PRICED = 64  # events after which thresholds follow the rate
_SPENT = 0.5  # of the rate: chance and what the reference cannot show may take the other half
_MOST_DEBT = 100.0  # doublings that single precision holds
_MOST_SINCE = 65_535
_SHORT, _LONG = 128, 16  # blocks of a warm-up by which its memory is judged
_WEIGHT = 1.0 / 32.0  # of the latest event in the means from which channels are blamed


@kernel
def multivariate_step(  # noqa: C901 one branch a stage of the reference
    source: Any,
    channels: Any,
    planes: Any,
    sides: Any,
    ranked: Any,
    sample: Any,
    projection: Any,
    scratch: Any,
    options: Any,
    directions: Any,
    rate: float,
    ts: float,  # noqa: ARG001 every step takes it
    values: Any,
    row: int,
    signals: Any,
    number: Any,
) -> None:
    """Take the next event of a source; one with a missing channel is left out.

    Parameters
    ----------
    source, channels, planes, sides, ranked, sample, projection, scratch : ndarray
        The source's part of the arrays of `multivariate_layout`; changed in place.
    options : record of `MULTIVARIATE_OPTIONS`
        Settings and tables.
    directions : ndarray of float32, shape (d, PLANES)
        See `multivariate_directions`.
    rate : float
        False alarms per event that the detector may raise now; NaN while it is not known: nothing alarms.
    ts : float
        Event time.
    values : ndarray of float, shape (d,)
        NaN where missing.
    row : int
        Of the event in the batch.
    signals, number : ndarray of `SIGNAL`, Counter
        Where signals go; one at most.
    """
    for j in range(len(values)):
        if not usable(values[j]):
            return
    warmup, half = int(options["warmup"]), len(sample)
    rows = max(int(source["rows"]), 0) + 1
    source["rows"] = rows
    _charge(source, rate)
    if rows <= half:
        for j in range(len(channels)):
            gather(channels[j], values[j], warmup)
            sample[rows - 1, j] = values[j] - float(channels[j]["origin"])
        if rows == half:
            _learn_margins(source, channels, planes, sample, projection, scratch, options, directions)
        return
    scores, along = scratch[0], scratch[1]
    for j in range(len(channels)):
        c = channels[j]
        c["rank"] = min(int(c["classes"][innovation_bin(c, values[j])]), RANKS - 1)
        scores[j] = options["scores"][c["rank"]]
    project(along, scores, projection)
    distance = squared_distance(along, len(channels))
    if rows <= warmup:
        at = rows - half - 1
        ranked[0, at] = distance
        sides_of(sides[at], along, len(channels), planes)
        _gather_memory(source, channels, scores, distance, at + 1, warmup)
        if rows == warmup:
            _learn_ranks(source, channels, ranked, options)
        return
    _watch(source, channels, planes, sides, ranked, scratch, distance, options)
    statistic, bet = _strongest(source, options, ranked.shape[1])
    if statistic >= 1.0:
        _tell(source, channels, bet, statistic, row, signals, number)
        _restart(source, channels, statistic)
    elif (rows - warmup) % _BLOCK == 0:
        _renew_witness(planes, sides, ranked, min(rows - warmup, RECENT), half)


@kernel
def _watch(
    source: Any,
    channels: Any,
    planes: Any,
    sides: Any,
    ranked: Any,
    scratch: Any,
    distance: float,
    options: Any,
) -> None:
    """Bet on an event, and let it take the place of the oldest of the latest."""
    scores, along = scratch[0], scratch[1]
    before = int(source["rows"]) - int(options["warmup"]) - 1
    event = sides[len(sides) - RECENT + before % RECENT]
    if before >= RECENT:
        for p in range(PLANES):
            planes[p]["recent"] -= _beyond(event, p)
    sides_of(event, along, len(channels), planes)
    for p in range(PLANES):
        planes[p]["recent"] += _beyond(event, p)
    _bet(source, event, planes, ranked, distance, options, before)
    for j in range(len(channels)):
        c, score = channels[j], float(scores[j])
        c["recent"] = float(c["recent"]) + _WEIGHT * (score - float(c["recent"]))
        c["recent_square"] = float(c["recent_square"]) + _WEIGHT * (score * score - float(c["recent_square"]))


@kernel
def _charge(source: Any, rate: float) -> None:
    """Let the budget accrue, and say what an alarm takes now: see `drift_step`."""
    if not rate > 0.0:
        return
    source["owed"] = max(0.0, float(source["owed"]) - rate)
    if source["rows"] % _PRICED == 0 or not source["nats"] > 0.0:
        source["nats"] = max(1.0, log(BETS / (_SPENT * rate)))
        source["bar"] = 2.0 ** min(float(source["owed"]), _MOST_DEBT)


@kernel
def _learn_margins(
    source: Any,
    channels: Any,
    planes: Any,
    sample: Any,
    projection: Any,
    scratch: Any,
    options: Any,
    directions: Any,
) -> None:
    """Fit ranks, whitening and hyperplanes on the first half of the warm-up."""
    n, d = sample.shape
    warmup = int(options["warmup"])
    scores = options["scores"]
    for j in range(d):
        c = channels[j]
        fit(c, warmup, float(options["min_effect"]))
        bins_from_sample(c)
        c["past"][:] = 0.0
        for i in range(n):
            bin_ = innovation_bin(c, float(c["origin"]) + float(sample[i, j]))
            count(c, bin_, scores, warmup)
            sample[i, j] = bin_
        classes_from_counts(c)
        for i in range(n):
            bin_ = min(max(int(sample[i, j]), 0), len(c["classes"]) - 1)
            sample[i, j] = scores[min(int(c["classes"][bin_]), RANKS - 1)]
        c["blocks"][:] = 0.0
        c["recent"], c["recent_square"] = 0.0, 1.0
    fit_projection(projection, sample, directions)
    along = scratch[1]
    for p in range(PLANES):
        project(along, sample[int(options["places"][p] * n)], projection)
        planes[p]["threshold"] = along[d + p]
        planes[p]["beyond"] = 0
        planes[p]["recent"] = 0
        planes[p]["weight"] = 0
    for i in range(n):
        project(along, sample[i], projection)
        for p in range(PLANES):
            planes[p]["beyond"] += along[d + p] > planes[p]["threshold"]
    source["blocks"][:] = 0.0


@kernel
def _gather_memory(
    source: Any, channels: Any, scores: Any, distance: float, number: int, warmup: int
) -> None:
    """Gather how scores and distances of successive events hang together."""
    short, long = max(2, warmup // _SHORT), max(2, warmup // _LONG)
    for j in range(len(channels)):
        score = float(scores[j])
        _add(channels[j]["blocks"], score, number, short, long)
    # The cube root of a chi-squared variable is nearly normal.
    _add(source["blocks"], distance ** (1.0 / 3.0), number, short, long)


@kernel
def _add(sums: Any, value: float, number: int, short: int, long: int) -> None:
    sums[0] += value
    sums[1] += value * value
    add_to_blocks(sums, 2, value, number, short)
    add_to_blocks(sums, 4, value, number, long)


@kernel
def _memory(sums: Any, number: int, warmup: int, deviations: float) -> float:
    """Return the larger time of short and long blocks."""
    total = float(sums[0])
    variance = float(sums[1]) / number - (total / number) ** 2
    short, long = max(2, warmup // _SHORT), max(2, warmup // _LONG)
    return max(
        series_time(sums, 2, total, number, short, variance, deviations),
        series_time(sums, 4, total, number, long, variance, deviations),
    )


@kernel
def _learn_ranks(source: Any, channels: Any, ranked: Any, options: Any) -> None:
    """Know what later events are ranked against, and by how much memory overstates evidence."""
    sort_in_place(ranked[0])
    number, warmup, deviations = ranked.shape[1], int(options["warmup"]), float(options["deviations"])
    source["far_time"] = _memory(source["blocks"], number, warmup, SIGNIFICANT)
    time = 1.0
    for j in range(len(channels)):
        time = max(time, _memory(channels[j]["blocks"], number, warmup, deviations))
    source["look_time"] = time
    source["evidence"][:] = 0.0
    source["since"][:] = 0


@kernel
def _beyond(event: Any, p: int) -> int:
    return int((event[p // 64] >> np.uint64(p % 64)) & np.uint64(1))


@kernel
def _bet(
    source: Any, event: Any, planes: Any, ranked: Any, distance: float, options: Any, before: int
) -> None:
    """Move the e-CUSUMs on by the two answers' ranks."""
    evidence, since = source["evidence"], source["since"]
    if before >= _BLOCK:
        look = _rank(ranked[1], product(event, planes))
        tilts, means = options["look_tilts"][look], options["look_means"]
        advance(evidence[:LOOKS], since[:LOOKS], tilts, means, 0.0, _MOST_SINCE, 0.0)
    far = _rank(ranked[0], distance)
    tilts, means = options["far_tilts"][far], options["far_means"]
    advance(evidence[LOOKS:], since[LOOKS:], tilts, means, 0.0, _MOST_SINCE, 0.0)


@kernel
def _rank(ordered: Any, value: float) -> int:
    """Return the class of a value by its rank among others; equals share the middle of theirs."""
    single = np.float32(value)
    below = upto = 0
    for k in range(len(ordered)):
        below += ordered[k] < single
        upto += ordered[k] <= single
    share = (below + upto + 1) / (2.0 * (len(ordered) + 1))
    return min(RANKS - 1, int(RANKS * acos(1.0 - 2.0 * share) / pi))


@kernel
def _renew_witness(planes: Any, sides: Any, ranked: Any, recent: int, half: int) -> None:
    """Let the direction in which events are compared be that in which the latest differ from the reference.

    It is, but for a factor, the difference of the shares beyond each hyperplane: events like the latest
    have a larger product with it than others.
    """
    for p in range(PLANES):
        planes[p]["weight"] = planes[p]["recent"] * half - planes[p]["beyond"] * recent
    looks = ranked[1]
    for k in range(len(looks)):
        looks[k] = product(sides[k], planes)


@kernel
def _strongest(source: Any, options: Any, known: int) -> tuple[float, int]:
    """Return the strongest evidence over its threshold, and the bet."""
    best, which = 0.0, 0
    if not source["nats"] > 0.0:
        return best, which
    for bet in range(BETS):
        time = source["look_time"] if bet < LOOKS else source["far_time"]
        threshold = raised(float(source["nats"]) * float(time), float(options["slowness"][bet]), known)
        ratio = float(source["evidence"][bet]) / (threshold * float(source["bar"]))
        if ratio > best:
            best, which = ratio, bet
    return best, which


@kernel
def multivariate_statistic(source: Any, options: Any) -> float:
    """Return the strongest evidence over its threshold: 1 is an alarm, 0 while a reference is learned."""
    warmup = int(options["warmup"])
    if source["rows"] <= warmup:
        return float(source["statistic"]) if source["rows"] == 0 else 0.0
    statistic, _ = _strongest(source, options, warmup - warmup // 2)
    return statistic


@kernel
def _tell(source: Any, channels: Any, bet: int, ratio: float, row: int, signals: Any, number: Any) -> None:
    kind = MULTIVARIATE if bet < LOOKS else DISTANCE
    evidence = float(source["evidence"][bet])
    signal = emit(signals, number, row, kind, -1, False, evidence, evidence / ratio)  # noqa: FBT003
    since = int(source["since"][bet])
    known = 1.0 - (1.0 - _WEIGHT) ** since
    total = 0.0
    for j in range(len(channels)):
        # How far the channel's mean and its spread have moved, in standard errors squared.
        mean = float(channels[j]["recent"]) / known
        square = (float(channels[j]["recent_square"]) - (1.0 - known)) / known
        moved = mean**2 + 0.5 * (square - 1.0) ** 2 + 1e-12
        total += moved
        blame(signal, j, moved)
    for k in range(len(signal["share"])):
        signal["share"][k] = signal["share"][k] / total
    signal["figures"][4] = since


@kernel
def _restart(source: Any, channels: Any, statistic: float) -> None:
    """Owe an alarm, and begin a new reference."""
    source["statistic"] = statistic
    source["owed"] = float(source["owed"]) + 1.0
    source["bar"] = 2.0 ** min(float(source["owed"]), _MOST_DEBT)
    source["rows"] = 0
    for j in range(len(channels)):
        begin(channels[j])
