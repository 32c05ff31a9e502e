"""Ranks of a channel's innovations: bins from a sample, and their counts in the reference."""

from math import acos, ceil, cos, pi, sqrt
from typing import Any

import numpy as np

from stream_app.core.drift.autocorrelation import SIGNIFICANT, add_to_blocks, blocked_time, series_time
from stream_app.core.drift.betting import RANKS
from stream_app.core.drift.filtering import (
    LEVEL_ERROR,
    LONG,
    SHORT,
    begin,
    from_level,
    in_spreads,
    remember,
    standardised,
)
from stream_app.core.drift.records import BINS, COUNTING, ORDER, SAMPLE, WATCHED
from stream_app.core.kernel import kernel

__all__ = ["bins_from_sample", "classes_from_counts", "count", "finish", "innovation_bin", "sort_in_place"]


@kernel
def bins_from_sample(c: Any) -> None:
    """Make the quantiles of the sample's innovations the edges of bins, and begin to count."""
    sample, edges = c["sample"], c["edges"]
    n = min(int(c["seen"]), SAMPLE)
    first = ORDER if n > 2 * ORDER else 0
    size = n - first
    # Sorted values stand at the end, so that no edge overwrites what a later one needs.
    for i in range(n - 1, -1, -1):
        sample[SAMPLE - n + i] = sample[i]
    for i in range(SAMPLE - size):
        sample[i] = -np.inf
    sort_in_place(sample)
    tied = False
    for k in range(BINS - 1):
        share = (1.0 - cos(pi * (k + 1) / BINS)) / 2.0
        edges[k] = sample[SAMPLE - size + max(ceil(share * size - 1e-9), 1) - 1]
        tied |= k > 0 and edges[k] == edges[k - 1]
    c["tied"] = tied
    counts = c["counts"]
    for i in range(BINS):
        c["classes"][i] = _sample_class(i)
        counts[i] = 0
    c["blocks"][:] = 0.0
    c["since"][:] = 0
    c["known"] = 0
    c["pending"] = 0
    c["stage"] = COUNTING


@kernel
def _sample_class(bin_: int) -> int:
    """Return the class of ranks of a bin by the sample."""
    return (2 * bin_ + 1) * RANKS // (2 * BINS)


@kernel
def sort_in_place(values: Any) -> None:
    """Sort in place (Shell's method: no copy, and short)."""
    n = len(values)
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@kernel
def innovation_bin(c: Any, value: float) -> int:
    """Return the bin of the next value's innovation, and move the filter on."""
    past, coefficients = c["past"], c["coefficients"]
    # A wandering channel may go anywhere, step by step.
    z = standardised(c, value, float(past[0]) if c["tracked"] else 0.0)
    innovation = z
    order = min(int(c["order"]), ORDER)
    for lag in range(order):
        innovation -= float(coefficients[lag]) * float(past[lag])
    if order > 0 or c["tracked"]:
        remember(past, z)
    else:
        past[0] = z
    if c["tracked"]:
        innovation = in_spreads(c, from_level(c, innovation))
    edges = c["edges"]
    # Edges are in single precision; so must be what is compared with them, for equal values to be equal.
    single = np.float32(innovation)
    left = 0
    for k in range(BINS - 1):
        left += edges[k] < single
    if not c["tied"]:
        return left
    # A value that fills several bins gets the middle one.
    right = left
    while right < BINS - 1 and edges[right] == single:
        right += 1
    return (left + right) // 2


@kernel
def count(c: Any, bin_: int, scores: Any, warmup: int) -> None:
    """Count an event of the reference, and gather how its scores (by the sample's ranks all the time) hang together."""
    score = float(scores[_sample_class(bin_)])
    known = int(c["known"]) + 1
    c["known"] = known
    c["counts"][bin_] += 1
    blocks, square = c["blocks"], score * score
    blocks[0] += score
    blocks[1] += square
    blocks[2] += square * square
    short, long = max(2, warmup // SHORT), max(2, warmup // LONG)
    add_to_blocks(blocks, 3, score, known, short)
    add_to_blocks(blocks, 5, score, known, long)
    add_to_blocks(blocks, 7, square, known, short)
    add_to_blocks(blocks, 9, square, known, long)
    z = float(c["past"][0])
    blocks[11] += z
    add_to_blocks(blocks, 12, z, known, long)


@kernel
def classes_from_counts(c: Any) -> None:
    """Give each bin the class of ranks that its events had among those counted: a sample of 56 placed the bins roughly."""
    known = int(c["known"])
    below = 0.0
    for i in range(BINS):
        mine = float(c["counts"][i])
        share = (below + 0.5 * mine + 0.25) / (known + 0.5)
        c["classes"][i] = min(RANKS - 1, int(RANKS * acos(1.0 - 2.0 * share) / pi))
        below += mine


@kernel
def finish(c: Any, odds: Any, unit: float, warmup: int, min_effect: float) -> None:
    """Learn what each bet paid on average over the counted events, and watch the channel from now on.

    If the counted events show that the level of an untracked channel wanders, it is gathered again, to be tracked.
    """
    known = int(c["known"])
    blocks = c["blocks"]
    total, squares = float(blocks[0]), float(blocks[1])
    short, long = max(2, warmup // SHORT), max(2, warmup // LONG)
    variance = squares / known - (total / known) ** 2
    level = max(
        series_time(blocks, 3, total, known, short, variance, SIGNIFICANT),
        series_time(blocks, 5, total, known, long, variance, SIGNIFICANT),
    )
    if not c["tracked"]:
        level = max(level, _raw_time(c, known, long) / float(c["scale_time"]))
    if not c["tracked"] and level > 1.0 and sqrt(level / known) > LEVEL_ERROR * min_effect:
        begin(c)
        c["wanders"] = True
        return
    spread = float(blocks[2]) / known - (squares / known) ** 2
    scale = max(
        series_time(blocks, 7, squares, known, short, spread, SIGNIFICANT),
        series_time(blocks, 9, squares, known, long, spread, SIGNIFICANT),
    )
    c["level_time"] = float(c["level_time"]) * level
    c["scale_time"] = scale
    counts, evidence, log_means = c["counts"], c["evidence"], c["log_means"]
    for bet in range(len(evidence)):
        # Half an observation on top, on which every bet pays one (Krichevsky and Trofimov's estimator).
        paid = 0.5
        for i in range(BINS):
            paid += int(counts[i]) * int(odds[int(c["classes"][i]), bet]) / unit
        evidence[bet] = np.log(paid / (known + 0.5))
    # Means take the bytes of the counts.
    for bet in range(len(evidence)):
        log_means[bet] = evidence[bet]
        evidence[bet] = 0.0
    c["recent"] = 0.0
    c["recent_square"] = c["deviation"] * c["deviation"]
    c["stage"] = WATCHED


@kernel
def _raw_time(c: Any, known: int, long: int) -> float:
    """Return the blocked time of the values themselves over both halves of the warm-up: what shows slow wander best."""
    blocks = c["blocks"]
    deviation = float(c["deviation"]) / float(c["scale"])
    return blocked_time(
        float(c["recent"]) + float(blocks[11]) - float(blocks[12]),
        float(c["recent_square"]) + float(blocks[13]),
        int(c["seen"]) // long + known // long,
        long,
        deviation * deviation,
        SIGNIFICANT,
    )
