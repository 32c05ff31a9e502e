"""Pairs of channels: which are watched, and their reference."""

from math import sqrt
from typing import Any

from stream_app.core.drift.autocorrelation import SIGNIFICANT, add_to_blocks, series_time
from stream_app.core.drift.betting import PAIR_SIDE, PAIR_STEP
from stream_app.core.drift.ecusum import absorb
from stream_app.core.drift.records import FITTED, ORDER, SAMPLE
from stream_app.core.kernel import kernel

__all__ = [
    "absorb_pair",
    "choose_pairs",
    "correlation_of",
    "count_pair",
    "fix_correlation",
    "gather_pair",
    "pair_bin",
    "watch_pair",
]

_LARGEST = 2.5  # mean sizes at which innovations are cut off to choose pairs: outliers make no correlation
_MOST_CORRELATED = 0.98
_NONE = 1e-30
_BLOCKS = 64  # of a warm-up
_NEVER = 1e30


@kernel
def choose_pairs(pairs: Any, channels: Any) -> None:
    """Choose which pairs are watched: all if there is room, else those whose sampled innovations correlate most."""
    room, d = len(pairs), len(channels)
    for p in pairs:
        p["first"], p["second"] = 0, 0
        p["known"], p["pending"] = 0, 0
        p["together"], p["apart"], p["time"] = 0.0, 0.0, 1.0
        p["evidence"][:] = 0.0
        p["log_means"][:] = 0.0
        p["odds"][:] = 0
        p["since"][:] = 0
    chosen = 0
    for first in range(d):
        for second in range(first + 1, d):
            strength = 0.0
            if room < d * (d - 1) // 2:
                strength = abs(_correlation(channels[first], channels[second]))
            at = chosen
            while at > 0 and float(pairs[at - 1]["time"]) < strength:
                at -= 1
            if at >= room:
                continue
            chosen = min(chosen + 1, room)
            for k in range(chosen - 1, at, -1):
                pairs[k]["first"], pairs[k]["second"] = pairs[k - 1]["first"], pairs[k - 1]["second"]
                pairs[k]["time"] = pairs[k - 1]["time"]
            pairs[at]["first"], pairs[at]["second"], pairs[at]["time"] = first, second, strength


@kernel
def _correlation(a: Any, b: Any) -> float:
    """Return the correlation of two channels' sampled innovations, 0 where they are not from the same events."""
    if a["stage"] != FITTED or b["stage"] != FITTED or a["seen"] != b["seen"]:
        return 0.0
    both = of_a = of_b = 0.0
    for i in range(ORDER, SAMPLE):
        x = max(-_LARGEST, min(_LARGEST, float(a["sample"][i]) / float(a["unit"])))
        y = max(-_LARGEST, min(_LARGEST, float(b["sample"][i]) / float(b["unit"])))
        both += x * y
        of_a += x * x
        of_b += y * y
    return both / sqrt(of_a * of_b) if of_a > 0.0 and of_b > 0.0 else 0.0


@kernel
def gather_pair(p: Any, first: float, second: float) -> None:
    """Take two scores from which the correlation will be known."""
    p["evidence"][0] += (first + second) ** 2
    p["evidence"][1] += (first - second) ** 2
    p["pending"] += 1


@kernel
def fix_correlation(p: Any) -> None:
    """Know the correlation, and begin to learn what bets on the pair pay.

    Sum and difference are measured by themselves: scores by the ranks of a small sample do not have variance one.
    """
    total, difference = float(p["evidence"][0]), float(p["evidence"][1])
    least = 0.5 * (1.0 - _MOST_CORRELATED) * (total + difference)
    number = max(int(p["pending"]), 1)
    p["together"] = sqrt(number / max(total, least, _NONE)) / PAIR_STEP
    p["apart"] = sqrt(number / max(difference, least, _NONE)) / PAIR_STEP
    p["evidence"][:] = 0.0
    p["pending"] = 0


@kernel
def pair_bin(p: Any, first: float, second: float) -> int:
    """Return the class of two scores: of their sum and their difference, each brought to variance one."""
    total = abs(first + second) * float(p["together"])
    difference = abs(first - second) * float(p["apart"])
    # Within the classes whatever a stored record says, infinity included.
    row, column = max(0, min(PAIR_SIDE - 1, int(total))), max(0, min(PAIR_SIDE - 1, int(difference)))
    return row * PAIR_SIDE + column


@kernel
def correlation_of(p: Any) -> float:
    """Return the correlation of the scores in the reference."""
    # The larger its variance, the smaller the scale.
    total, difference = float(p["apart"]) ** 2, float(p["together"]) ** 2
    return (total - difference) / max(total + difference, _NONE)


@kernel
def count_pair(p: Any, first: float, second: float, warmup: int) -> None:
    """Gather how the products of the scores hang together while the reference is learned."""
    sums, product = p["evidence"], first * second
    number = int(p["known"]) + int(p["pending"])
    sums[0] += product
    sums[1] += product * product
    add_to_blocks(sums, 2, product, number, max(2, warmup // _BLOCKS))


@kernel
def watch_pair(p: Any, whole: bool, warmup: int, unit: float, most: int) -> None:  # noqa: FBT001
    """Know what bets pay, and watch the pair from now on; not where a channel has no reference, or it was hardly seen."""
    absorb_pair(p, unit, most)
    sums, number = p["evidence"], int(p["known"])
    total, length = float(sums[0]), max(2, warmup // _BLOCKS)
    variance = float(sums[1]) / max(number, 1) - (total / max(number, 1)) ** 2
    time = series_time(sums, 2, total, number, length, variance, SIGNIFICANT)
    p["time"] = time if whole and number >= warmup // 16 else _NEVER
    sums[:] = 0.0


@kernel
def absorb_pair(p: Any, unit: float, most: int) -> None:
    """Let the pair's reference grow by this block."""
    p["known"] = absorb(p["log_means"], p["odds"], unit, int(p["known"]), int(p["pending"]), most)
    p["pending"] = 0
