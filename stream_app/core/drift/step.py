"""The drift detector of one source: a function of one event."""

from math import isfinite, log, log10
from typing import Any

import numpy as np

from stream_app.core.drift.betting import BETS, BLOCK, ODDS_UNIT, PAIR_BETS, RANKS
from stream_app.core.drift.ecusum import absorb, advance, strongest
from stream_app.core.drift.filtering import TRACKING, begin, fit, gather, usable
from stream_app.core.drift.pairs import (
    absorb_pair,
    choose_pairs,
    correlation_of,
    count_pair,
    fix_correlation,
    gather_pair,
    pair_bin,
    watch_pair,
)
from stream_app.core.drift.ranking import (
    bins_from_sample,
    classes_from_counts,
    count,
    finish,
    innovation_bin,
)
from stream_app.core.drift.records import COUNTING, FITTED, LOCATED, WATCHED
from stream_app.core.drift.warmup import choose_warmup, warmup_of
from stream_app.core.kernel import emit, kernel

__all__ = ["CORRELATION", "LEVEL", "SCALE", "SHAPE", "blame", "drift_statistic", "drift_step"]

LEVEL, SCALE, SHAPE, CORRELATION = range(4)
"""Numbers of the kinds of change in signals."""

_UNPAIRED, _CORRELATING, _COUNTING, _WATCHED = range(4)

_SPENT = 0.5  # of the budget: chance and what calibration cannot see may take the other half
_PAIR_SHARE = 0.5  # of the rate: what happens between channels counts as much as what happens in them
# An e-CUSUM has a run length of exp(h) events at least (Shin, Ramdas, Rinaldo 2024), k of them exp(h) / k. Evidence overshoots, bets
# overlap and the reference is a sample, so these offsets of log(run length) of a channel and of a pair were simulated, from 1e3
# to 1e6 events (benchmarks/detection/run_length.py); they hold for every continuous distribution, since only ranks enter.
_OFFSET, _PAIR_OFFSET = -0.2, -1.2
_LEAST_NATS = 1.0
_PRICED = 64  # events after which thresholds follow the rate
_MOST_DEBT = 100.0  # doublings that single precision holds
_MOST_KNOWN = 20  # warm-ups that a reference counts as at most, so that the old fade
_MOST_PAIR_KNOWN = 60_000
_RECENT = 1.0 / 32.0  # weight of the latest value in figures for people
_FAR = 1e15
_MOST_SINCE, _MOST_PAIR_SINCE = 65_535, 255
_LEVEL_BETS, _SCALE_BETS = 6, 10  # bets on the level are before the first, on the scale before the second


@kernel
def drift_step(
    source: Any,
    channels: Any,
    pairs: Any,
    options: Any,
    rate: float,
    ts: float,  # noqa: ARG001 every step takes it
    values: Any,
    learn: bool,  # noqa: FBT001 a kernel takes no keywords
    watch: bool,  # noqa: FBT001
    row: int,
    signals: Any,
    number: Any,
) -> None:
    """Take the next event of a source.

    Parameters
    ----------
    source, channels, pairs : record of `SOURCE`, records of `CHANNEL`, records of `PAIR`
        Changed in place.
    options : record of `OPTIONS`
        Settings and tables.
    rate : float
        False alarms per event that the detector may raise now; NaN while it is not known: nothing alarms.
    ts : float
        Event time.
    values : ndarray of float, shape (d,)
        NaN where missing.
    learn : bool
        False where the event is marked as anomalous: it is judged, and does not enter the reference.
    watch : bool
        False where an alarm lasts: the event is not seen.
    row : int
        Of the event in the batch.
    signals, number : ndarray of `SIGNAL`, Counter
        Where signals go; one at most.
    """
    if not watch:
        return
    choose_warmup(source, options, rate)
    warmup = warmup_of(source, options)
    if source["rows"] < warmup and not learn:
        return
    source["rows"] += 1
    _charge(source, len(channels), len(pairs), rate, warmup, bool(options["prepaid"]))
    nats, bar = float(source["nats"]), float(source["bar"])
    beyond = False
    for j in range(len(channels)):
        beyond |= _take(channels[j], options, values[j], learn, warmup, nats, nats * bar)
    beyond |= _take_pairs(source, channels, pairs, options, learn)
    # Thresholds are at least so high: only where this is passed they are looked at.
    if beyond and nats > 0.0:
        statistic, which, at, pair = _strongest(source, channels, pairs, options)
        if statistic >= 1.0:
            source["statistic"] = statistic
            if pair >= 0:
                _tell_pair(pairs[pair], which, statistic, row, signals, number)
            else:
                _tell_channel(source, channels, options, at, which, statistic, row, signals, number)
            _restart(source, channels)
            return
    _learn(source, channels, pairs, options)


@kernel
def _learn(source: Any, channels: Any, pairs: Any, options: Any) -> None:
    """Learn what is learned at the borders of blocks and of quarters of a warm-up."""
    rows, warmup = int(source["rows"]), warmup_of(source, options)
    if rows % BLOCK == 0:
        _absorb(source, channels, pairs, warmup)
    if rows % (warmup // 2) == 0:
        _move_on(source, channels, pairs, options)
    elif rows % (warmup // 2) == warmup // 4:
        for j in range(len(channels)):
            if channels[j]["stage"] == COUNTING:
                classes_from_counts(channels[j])
        if source["paired"] == _CORRELATING:
            source["paired"] = _COUNTING
            for k in range(len(pairs)):
                fix_correlation(pairs[k])


@kernel
def _charge(source: Any, d: int, pairs: int, rate: float, warmup: int, prepaid: bool) -> None:  # noqa: FBT001
    """Let the budget accrue, and say what an alarm takes now.

    Each alarm doubles the thresholds, and they sink as the budget pays for it. While nothing changes, alarms are rarer
    than the budget pays for and it makes little difference; in a plant that breaks the assumptions, and alarms more
    often than it should, this is what keeps the budget.
    """
    if not rate > 0.0:
        return
    if prepaid and not source["prepaid"]:
        source["prepaid"] = True
        source["owed"] = max(0.0, -log10(rate * warmup))
    source["owed"] = max(0.0, float(source["owed"]) - rate)
    if source["rows"] % _PRICED == 0 or not source["nats"] > 0.0:
        # Rates add up, whatever the dependence between the members.
        share = _SPENT * rate * (1.0 - _PAIR_SHARE if pairs > 0 else 1.0)
        source["nats"] = max(_LEAST_NATS, log(d / share) + _OFFSET)
        source["pair_nats"] = max(
            _LEAST_NATS, log(max(pairs, 1) / (_SPENT * _PAIR_SHARE * rate)) + _PAIR_OFFSET
        )
        source["bar"] = 2.0 ** min(float(source["owed"]), _MOST_DEBT)


@kernel
def _take(
    c: Any,
    options: Any,
    value: float,
    learn: bool,  # noqa: FBT001
    warmup: int,
    nats: float,
    bound: float,
) -> bool:
    """Take the value of a channel: to gather, to count, or to bet on; return whether a bet is beyond a bound."""
    c["rank"] = RANKS
    if not isfinite(value):
        return False
    if c["stage"] <= LOCATED:
        if learn and usable(value):
            gather(c, value, warmup)
        return False
    bin_ = innovation_bin(c, value)
    rank = min(int(c["classes"][bin_]), RANKS - 1)
    c["rank"] = rank
    if c["stage"] == COUNTING:
        if learn and usable(value):
            count(c, bin_, options["scores"], warmup)
        return False
    # Tracking has forgotten a change after a few of its windows: evidence that comes more slowly
    # than that cannot be about a change, so what is tracked pays for its time.
    toll = nats / (4 * TRACKING) if c["tracked"] else 0.0
    tilts = options["tilts"][rank]
    beyond = advance(c["evidence"], c["since"], tilts, c["log_means"], toll, _MOST_SINCE, bound)
    away = max(-_FAR, min(_FAR, value - float(c["origin"]) - float(c["mean"])))
    c["recent"] = float(c["recent"]) + _RECENT * (away - float(c["recent"]))
    c["recent_square"] = float(c["recent_square"]) + _RECENT * (away * away - float(c["recent_square"]))
    if learn and usable(value):
        odds, paid = c["odds"], options["odds"][rank]
        for bet in range(BETS):
            odds[bet] += paid[bet]
        c["pending"] += 1
    return beyond


@kernel
def _take_pairs(source: Any, channels: Any, pairs: Any, options: Any, learn: bool) -> bool:  # noqa: FBT001
    """Take the scores of each pair: for its correlation, to learn what bets pay, or to bet on."""
    paired = source["paired"]
    if paired == _UNPAIRED:
        return False
    scores = options["scores"]
    nats = float(source["pair_nats"])
    bound, toll = nats * float(source["bar"]), nats / (4 * TRACKING)
    beyond = False
    for k in range(len(pairs)):
        p = pairs[k]
        a, b = channels[p["first"] % len(channels)], channels[p["second"] % len(channels)]
        if a["rank"] >= RANKS or b["rank"] >= RANKS:
            continue
        first, second = float(scores[a["rank"]]), float(scores[b["rank"]])
        if paired == _CORRELATING:
            if learn:
                gather_pair(p, first, second)
            continue
        bin_ = pair_bin(p, first, second)
        if learn:
            odds, paid = p["odds"], options["pair_odds"][bin_]
            for bet in range(PAIR_BETS):
                odds[bet] += paid[bet]
            p["pending"] += 1
        if paired == _WATCHED:
            off = toll if a["tracked"] or b["tracked"] else 0.0
            tilts = options["pair_tilts"][bin_]
            beyond |= advance(p["evidence"], p["since"], tilts, p["log_means"], off, _MOST_PAIR_SINCE, bound)
        elif learn:
            count_pair(p, first, second, warmup_of(source, options))
    return beyond


@kernel
def _absorb(source: Any, channels: Any, pairs: Any, warmup: int) -> None:
    """Let references grow by the latest block."""
    for j in range(len(channels)):
        c = channels[j]
        if c["stage"] == WATCHED:
            c["known"] = absorb(
                c["log_means"], c["odds"], ODDS_UNIT, int(c["known"]), int(c["pending"]), _MOST_KNOWN * warmup
            )
            c["pending"] = 0
    if source["paired"] >= _COUNTING:
        for k in range(len(pairs)):
            absorb_pair(pairs[k], ODDS_UNIT, min(_MOST_KNOWN * warmup, _MOST_PAIR_KNOWN))


@kernel
def _move_on(source: Any, channels: Any, pairs: Any, options: Any) -> None:
    """At every half of a warm-up: fit the channels of which half of it was seen, watch those that were counted."""
    warmup = warmup_of(source, options)
    enough = warmup // 4
    for j in range(len(channels)):
        c = channels[j]
        if c["stage"] == COUNTING and c["known"] >= enough:
            finish(c, options["odds"], ODDS_UNIT, warmup, float(options["min_effect"]))
        elif c["stage"] <= LOCATED and c["seen"] >= enough:
            fit(c, warmup, float(options["min_effect"]))
    if source["paired"] == _UNPAIRED:
        choose_pairs(pairs, channels)
        source["paired"] = _CORRELATING
    elif source["paired"] == _COUNTING:
        for k in range(len(pairs)):
            p = pairs[k]
            first, second = p["first"] % len(channels), p["second"] % len(channels)
            whole = channels[first]["stage"] == WATCHED and channels[second]["stage"] == WATCHED
            watch_pair(p, whole, warmup, ODDS_UNIT, min(_MOST_KNOWN * warmup, _MOST_PAIR_KNOWN))
        source["paired"] = _WATCHED
    for j in range(len(channels)):
        if channels[j]["stage"] == FITTED:
            bins_from_sample(channels[j])


@kernel
def _strongest_of(c: Any, options: Any, nats: float) -> tuple[float, int]:
    """Return the largest evidence over its threshold of a channel's bets, and which it is."""
    slowness, evidence, known = options["slowness"], c["evidence"], int(c["known"])
    level_time, scale_time = float(c["level_time"]), float(c["scale_time"])
    best, which = strongest(evidence, slowness, 0, _LEVEL_BETS, nats * level_time, known)
    ratio, bet = strongest(evidence, slowness, _LEVEL_BETS, _SCALE_BETS, nats * scale_time, known)
    if ratio > best:
        best, which = ratio, bet
    # The shape of a tracked channel's innovations is not the shape of the channel.
    if not c["tracked"]:
        slower = max(level_time, scale_time)
        ratio, bet = strongest(evidence, slowness, _SCALE_BETS, BETS, nats * slower, known)
        if ratio > best:
            best, which = ratio, bet
    return best, which


@kernel
def drift_statistic(source: Any, channels: Any, pairs: Any, options: Any) -> float:
    """Return the strongest evidence over its threshold: 1 is an alarm, 0 while a reference is learned."""
    if source["rows"] == 0:
        return float(source["statistic"])  # of the alarm
    statistic, _, _, _ = _strongest(source, channels, pairs, options)
    return statistic


@kernel
def _strongest(source: Any, channels: Any, pairs: Any, options: Any) -> tuple[float, int, int, int]:
    """Return the strongest evidence over its threshold, its bet, its channel and its pair (-1 where it is none's)."""
    nats, pair_nats = float(source["nats"]), float(source["pair_nats"])
    best, which, at, pair = 0.0, 0, -1, -1
    if not nats > 0.0:
        return best, which, at, pair
    for j in range(len(channels)):
        if channels[j]["stage"] == WATCHED:
            ratio, bet = _strongest_of(channels[j], options, nats)
            if ratio > best:
                best, which, at = ratio, bet, j
    if source["paired"] == _WATCHED:
        slowness = options["pair_slowness"]
        for k in range(len(pairs)):
            p = pairs[k]
            needed = pair_nats * float(p["time"])
            ratio, bet = strongest(p["evidence"], slowness, 0, PAIR_BETS, needed, int(p["known"]))
            if ratio > best:
                best, which, pair = ratio, bet, k
    # A threshold's last factor is the same for all.
    return best / float(source["bar"]), which, at, pair


@kernel
def _restart(source: Any, channels: Any) -> None:
    """Owe an alarm, and begin a new reference."""
    source["owed"] = float(source["owed"]) + 1.0
    source["bar"] = 2.0 ** min(float(source["owed"]), _MOST_DEBT)
    source["rows"] = 0
    source["paired"] = _UNPAIRED
    for j in range(len(channels)):
        begin(channels[j])


@kernel
def _tell_channel(
    source: Any,
    channels: Any,
    options: Any,
    at: int,
    bet: int,
    ratio: float,
    row: int,
    signals: Any,
    number: Any,
) -> None:
    c = channels[at]
    kind = LEVEL if bet < _LEVEL_BETS else SCALE if bet < _SCALE_BETS else SHAPE
    evidence = float(c["evidence"][bet])
    signal = emit(signals, number, row, kind, at, False, evidence, evidence / ratio)  # noqa: FBT003
    total = 0.0
    for j in range(len(channels)):
        if channels[j]["stage"] == WATCHED:
            share, _ = _strongest_of(channels[j], options, float(source["nats"]))
            total += share
            blame(signal, j, share)
    for k in range(len(signal["share"])):
        signal["share"][k] = signal["share"][k] / total
    since = int(c["since"][bet])
    # The mean of the latest values reaches back beyond the beginning: take out what came before, the reference's mean.
    before = (1.0 - _RECENT) ** since
    mean, deviation = float(c["mean"]), float(c["deviation"])
    shift = float(c["recent"]) / (1.0 - before)
    square = (float(c["recent_square"]) - before * deviation * deviation) / (1.0 - before)
    figures = signal["figures"]
    figures[0] = float(c["origin"]) + mean
    figures[1] = float(c["origin"]) + mean + shift
    figures[2] = deviation
    figures[3] = np.sqrt(max(square - shift * shift, 0.0))
    figures[4] = since


@kernel
def blame(signal: Any, channel: int, share: float) -> None:
    """Keep the channels with the largest shares, of equals the first."""
    shares, blamed = signal["share"], signal["blamed"]
    at = len(shares)
    while at > 0 and share > shares[at - 1]:
        at -= 1
    for k in range(len(shares) - 1, at, -1):
        shares[k], blamed[k] = shares[k - 1], blamed[k - 1]
    if at < len(shares):
        shares[at], blamed[at] = share, channel


@kernel
def _tell_pair(p: Any, bet: int, ratio: float, row: int, signals: Any, number: Any) -> None:
    evidence = float(p["evidence"][bet])
    signal = emit(signals, number, row, CORRELATION, -1, False, evidence, evidence / ratio)  # noqa: FBT003
    signal["blamed"][0], signal["blamed"][1] = p["first"], p["second"]
    signal["share"][0], signal["share"][1] = 0.5, 0.5
    signal["figures"][4] = int(p["since"][bet])
    signal["figures"][5] = correlation_of(p)
