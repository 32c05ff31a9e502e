"""Statistics of all channels together: Hotelling's T² of the shifts, and the channel that the others explain least.

The shifts of the channels enter as normal equivalents. Their correlation is learned, shrunk towards none by how uncertain it is, and
inverted now and then. A weak shift of several channels, or one that breaks what two always did together, shows here first. A channel
whose value is missing, or was while its mean was gathered, or that is held against a new level, takes no part: it is given what
fits the others best. Of half of the channels the statistics say nothing: they were learned of all.

References
----------
H. Hotelling (1947), Multivariate quality control; J. Schäfer and K. Strimmer (2005), A shrinkage approach to large-scale
covariance matrix estimation; D. M. Hawkins (1991), Multivariate quality control based on regression-adjusted variables,
Technometrics 33; E. B. Wilson and M. M. Hilferty (1931) for the chi-square.
"""

import math
from typing import Any

from stream_app.core.anomaly.channel import FARTHEST
from stream_app.core.anomaly.records import SHIFT
from stream_app.core.anomaly.tails import FREEDOM, UNKNOWN, clipped, note_peak, rated, student_evidence
from stream_app.core.kernel import kernel

__all__ = ["invert", "joint_step", "learn_correlation"]

EVERY = 4
"""Events between two that the correlation learns from: smoothed values are alike."""
REFRESH = 512
"""Events between inversions."""
ROUNDED = 0.99
"""Share of the least pivot that rounding leaves."""
SWEEPS = 8
"""Passes of Gauss and Seidel's method over the channels that take no part."""


@kernel
def learn_correlation(correlation: Any, channels: Any, learned: float) -> None:
    """Take the shifts of an event, drawn in to 3, into the lower triangle of their second moments."""
    gain = EVERY / min(learned + 3.0, 5000.0)
    for i in range(channels.shape[0]):
        if channels[i]["stale"] > 0:
            continue
        normal = clipped(channels[i]["normal"], 3.0)
        for j in range(i + 1):
            if channels[j]["stale"] > 0:
                continue
            correlation[i, j] += (normal * clipped(channels[j]["normal"], 3.0) - correlation[i, j]) * gain


@kernel
def invert(correlation: Any, inverse: Any, independent: float) -> None:
    """Invert the shrunk second moments, by Gauss and Jordan.

    Each is learned from the events at which both channels are there. Where values are missing now of one and now of another channel, these
    are different events, and the moments may be those of no variables at all: they are shrunk further until they are.
    """
    d = inverse.shape[0]
    uncertain = 0.0
    square = 0.0
    for i in range(d):
        for j in range(i):
            r = correlation[i, j] / math.sqrt(max(correlation[i, i] * correlation[j, j], 1e-12))
            uncertain += (1.0 - r * r) ** 2 / independent
            square += r * r
    shrink = min(1.0, max(0.05, uncertain / max(square, 1e-12)))
    while not _inverted(correlation, inverse, shrink) and shrink < 1.0:
        shrink = min(1.0, 2.0 * shrink)


@kernel
def _inverted(correlation: Any, inverse: Any, shrink: float) -> bool:
    """Invert the second moments, those of two channels shrunk; return whether they can be those of any variables.

    Where they can, no pivot is below the shrinkage times the least second moment of a channel: a pivot is at least the least eigenvalue.
    """
    d = inverse.shape[0]
    least = math.inf
    for i in range(d):
        inverse[i, i] = max(correlation[i, i], 0.2)
        least = min(least, inverse[i, i])
        for j in range(i):
            inverse[i, j] = inverse[j, i] = (1.0 - shrink) * correlation[i, j]
    for p in range(d):
        pivot = inverse[p, p]
        if not pivot >= ROUNDED * shrink * least:
            return False
        inverse[p, p] = 1.0
        for j in range(d):
            inverse[p, j] /= pivot
        for i in range(d):
            if i != p:
                factor = inverse[i, p]
                inverse[i, p] = 0.0
                for j in range(d):
                    inverse[i, j] -= factor * inverse[p, j]
    return True


@kernel
def _joint_evidence(s: Any, k: int, z: float, independent: float, learned: float) -> float:
    if s["joint_square"][k] == 0.0:
        s["joint_square"][k] = 1.0
        s["joint_kurtosis"][k] = 3.0
    z = max(z, 0.0)
    square = max(1.0, s["joint_square"][k])
    heavy = max(s["joint_kurtosis"][k] - 3.0, 0.0) + UNKNOWN / independent
    ratio = z * z / square
    e = student_evidence(math.sqrt(ratio), min(independent, FREEDOM + 6.0 / heavy))
    gain = 1.0 / min(learned + 100.0, 5000.0)
    s["joint_kurtosis"][k] += (min(ratio, 100.0) ** 2 - s["joint_kurtosis"][k]) * gain
    # A normal variable without its negative half has half the mean square.
    s["joint_square"][k] += (min(2.0 * z * z, 9.0 * square) - s["joint_square"][k]) * gain
    note_peak(e, k, s["joint_peak"], s["joint_quiet"], s["joint_clusters"], s["joint_excess"])
    return rated(e, s["joint_clusters"][k], 1.0, learned) if e > 2.0 else e


@kernel
def _expect_absent(channels: Any, inverse: Any) -> int:
    """Give channels that take no part their most likely values beside the others, with which T² is that of the others alone.

    Returns
    -------
    int
        How many take part.
    """
    d = int(channels.shape[0])
    present = d
    for i in range(d):
        if channels[i]["stale"] > 0:
            channels[i]["normal"] = 0.0
            present -= 1
    if present == d:
        return d
    for _ in range(SWEEPS):
        for i in range(d):
            c = channels[i]
            if c["stale"] > 0:
                adjusted = 0.0
                for j in range(d):
                    if j != i:
                        adjusted += inverse[i, j] * channels[j]["normal"]
                c["normal"] = clipped(-adjusted / max(inverse[i, i], 1e-6), FARTHEST)
    return present


@kernel
def joint_step(s: Any, channels: Any, correlation: Any, inverse: Any, weight: Any, warmup: int) -> float:
    """Return the joint evidence of an event, and leave each channel's share of T² in `weight`."""
    d = channels.shape[0]
    events = s["events"]
    learned = float(s["learned"])
    if not s["active"] and events % EVERY == 0:
        learn_correlation(correlation, channels, learned)
    due = events in (warmup // 2, warmup) or (events > warmup and events % REFRESH == 0)
    if not due and inverse[0, 0] <= 0.0:
        return 0.0
    independent = 0.0
    for i in range(d):
        independent += channels[i]["turns"][SHIFT]
    independent = max(independent / d, 4.0)
    if due:
        invert(correlation, inverse, independent)
    present = _expect_absent(channels, inverse)
    if present < 2 or 2 * present <= d:
        return 0.0
    total = 0.0
    largest = 0.0
    for i in range(d):
        adjusted = 0.0
        for j in range(d):
            adjusted += inverse[i, j] * channels[j]["normal"]
        weight[i] = adjusted * channels[i]["normal"]
        total += weight[i]
        if inverse[i, i] > 0.0:
            largest = max(largest, abs(adjusted) / math.sqrt(inverse[i, i]))
    # The inverse of a matrix of few independent rows is too large (Hotelling's F).
    total *= (independent - d - 1.0) / independent if independent > d + 2.0 else 0.3
    part = 2.0 / (9.0 * present)
    chi = ((max(total, 0.0) / present) ** (1.0 / 3.0) - (1.0 - part)) / math.sqrt(part)
    squared = _joint_evidence(s, 0, chi, 1.0 + independent, learned)
    adjusted = _joint_evidence(s, 1, largest - 0.5 * math.log(present), 1.0 + independent, learned)
    return max(squared, adjusted)
