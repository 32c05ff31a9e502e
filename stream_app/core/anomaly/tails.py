"""From a statistic to evidence, and from evidence to a rate: Student's t, and the tail of peaks over a threshold.

Evidence is in nats. ``e`` is about minus the logarithm of the probability of a statistic as large as this one, by
Student's t. `rated` turns it into minus the logarithm of how often, an event, peaks as high begin, from the peaks that the
statistic had in its own past.
"""

import math
from typing import Any

from stream_app.core.kernel import kernel

__all__ = [
    "THRESHOLD",
    "clipped",
    "degrees",
    "mean_excess",
    "note_peak",
    "rated",
    "student_evidence",
    "tail_mean",
]

THRESHOLD = 4.0
"""Evidence over which peaks are kept."""

GAP = 16
"""Events below the threshold that end a cluster of large evidence: it counts as one peak."""

EXPECTED = 0.1 * math.exp(-THRESHOLD)
"""Clusters an event over the threshold, by the model: evidence of smoothed statistics lasts about ten events."""

PRIOR_PEAKS = 3.0
"""Peaks that the model's tail, of mean excess 1, is worth."""

CUT = 1.0 - math.exp(-1.0)
"""Mean of an exponential variable that is cut at its mean, over its mean."""

REACH = 8.0
"""Standard deviations beyond which no history of a source says how a tail goes on: a power law from there."""

POWER = 4.0
"""Its exponent."""

FREEDOM = 4.0
"""Degrees of freedom of the heaviest tail that is thought of; its kurtosis is not finite."""

UNKNOWN = 6.0
"""Excess kurtosis that one independent value leaves possible; n of them leave this over n."""


@kernel
def clipped(x: float, bound: float) -> float:
    """Draw a number in to ±bound."""
    return min(max(x, -bound), bound)


@kernel
def student_evidence(z: float, freedom: float) -> float:
    """Return minus the logarithm of Student's density at `z`, relative to 0; a power law beyond `REACH`.

    >>> round(student_evidence(3.0, 1e9), 2), round(student_evidence(3.0, 4.0), 2)
    (4.5, 2.95)
    """
    if z > REACH:
        return student_evidence_near(REACH, freedom) + POWER * math.log(min(z, 1e6) / REACH)
    return student_evidence_near(z, freedom)


@kernel
def student_evidence_near(z: float, freedom: float) -> float:
    """Return the same without the power law."""
    ratio = z * z / freedom
    if ratio < 0.1:  # a series costs less than a logarithm, and is within 3e-5 of it
        return 0.5 * (freedom + 1.0) * ratio * (1.0 - ratio * (0.5 - ratio * (1.0 / 3.0 - 0.25 * ratio)))
    return 0.5 * (freedom + 1.0) * math.log1p(ratio)


@kernel
def degrees(turns: float, kurtosis: float) -> float:
    """Return the degrees of freedom of Student's t for a statistic that changed its sign so often.

    Each change of sign is about one independent value. The kurtosis of Student's t with k degrees of freedom exceeds 3 by
    6 / (k - 4).
    """
    independent = 1.0 + min(turns, 200.0)
    heavy = max(kurtosis - 3.0, 0.0) + UNKNOWN / independent
    return min(independent, FREEDOM + 6.0 / heavy)


@kernel
def mean_excess(clusters: float, excess: float, prior_clusters: float, prior: float) -> float:
    """Return the mean excess of an exponential tail whose excesses were cut at their mean.

    Cut excesses are those of the bulk: a fault of a thousand nats counts like one of two.
    """
    return (excess / CUT + prior_clusters * prior) / (clusters + prior_clusters)


@kernel
def tail_mean(clusters: float, excess: float) -> float:
    """Return the mean excess of a statistic's peaks, drawn to that of the model where there are few."""
    return mean_excess(clusters, excess, PRIOR_PEAKS, 1.0)


@kernel
def rated(e: float, clusters: float, mean: float, learned: float) -> float:
    """Return minus the logarithm of how often an event begins a cluster that reaches `e`; never rarer than the model has it.

    Parameters
    ----------
    e : float
        Evidence of the event, in nats.
    clusters : float
        Clusters over the threshold so far.
    mean : float
        Mean excess of their peaks.
    learned : float
        Events so far.

    >>> round(rated(4.0, 0.0, 1.0, 1e6) - rated(3.0, 0.0, 1.0, 1e6), 2)
    1.0
    """
    rate = max((clusters + 1.0) / (learned + 1.0 / EXPECTED), EXPECTED)
    above = e - THRESHOLD
    if above > 0.0:
        above /= max(mean, 0.5)
    return above - math.log(rate)


@kernel
def note_peak(e: float, k: int, peak: Any, quiet: Any, clusters: Any, excess: Any) -> None:
    """Take the evidence of an event into the clusters of statistic `k`; the arrays are fields of a record."""
    if e > THRESHOLD:
        peak[k] = max(peak[k], e)
        quiet[k] = 0
    elif peak[k] > 0.0:
        quiet[k] += 1
        if quiet[k] >= GAP:
            cut = tail_mean(clusters[k], excess[k])
            excess[k] += min(peak[k] - THRESHOLD, cut)
            clusters[k] += 1.0
            peak[k] = 0.0
            quiet[k] = 0
