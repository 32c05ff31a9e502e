"""Levels of marks and alarms, calibrated from a source's own evidence.

Evidence says how rare an event would be if the model of each channel held. None does: jobs come once a day, errors in
bursts, and channels depend on each other. So the peaks of the source's evidence are looked at once more:

1. Their tail, over a threshold that is passed once in fifty events if the models hold, is exponential. Its mean is learned from excesses cut
   at it, the bulk of small peaks, so that faults do not raise it. The level is where that tail has the rate of the budget, over all means that
   the peaks leave possible: the rarer what is allowed, and the fewer the peaks, the farther it lies beyond that of the mean alone.
2. A histogram of the heights of all peaks: no alarm at a height that is passed more often than the budget allows. A
   history of few alarms may overspend up to sixfold, as an operator would rather hear of the first faults than not; in the long run the factor goes to one.

The first is Siffer et al. (2017), Anomaly detection in streams with extreme value theory (SPOT), for peaks of evidence, with the predictive
distribution of J. Aitchison and I. R. Dunsmore (1975), Statistical Prediction Analysis; the second needs no model and bounds what the first gets wrong.
"""

import math
from typing import Any

from stream_app.core.anomaly.records import PEAKS
from stream_app.core.anomaly.tails import mean_excess
from stream_app.core.kernel import kernel

__all__ = ["MARK_RATE", "note_source_peak", "rarity", "set_levels", "told_height"]

THRESHOLD = 4.0
"""Evidence, beyond the logarithm of the number of statistics looked at, over which the source's peaks are kept."""
PRIOR_PEAKS = 12.0
PRIOR_MEAN = 1.25
"""What is thought of the tail before there are peaks: a little heavier than the models have it. Means of kinds of data differ by about three tenths
of themselves, 1 / sqrt(12): simulated pumps have 1.25, telemetry of cloud services 1.9, server machines 2.3."""
GAP = 8
"""Events below the threshold that end a peak."""
MARK_RATE = 1e-3
"""False marked episodes an event: marks are for charts."""
OVERSPENT = 5.0
"""How many times more than the budget a short history may spend, less one."""
NATS = math.log(10.0)
"""Nats of a decade."""
UNKNOWN_RATE = 1e-5
"""False alarms an event where the budget is one per time, and the time between events is not known yet."""
FIRST_ALARM = 0.05
"""Alarms that every source may raise."""


@kernel
def _beyond(mean: float, clusters: float, rarer: float) -> float:
    """Return how far over its threshold a tail is rarer by so many nats; `mean` is that of its excess, learned from so many clusters.

    Where the inverse of an exponential's mean has a gamma distribution of shape n, the excess is Pareto's: (1 + x / (n mean)) ** -n.
    """
    if rarer <= 0.0:
        return max(rarer, -1.0)
    known = clusters + PRIOR_PEAKS
    return mean * known * math.expm1(rarer / known)


@kernel
def set_levels(s: Any, channels: int, rate: float) -> None:
    """Set the levels of marks and of alarms, for so many channels of five statistics and a rate of false alarms an event."""
    threshold = THRESHOLD + math.log(5.0 * channels + 2.0)
    s["threshold"] = threshold
    rate = rate if rate > 0.0 else UNKNOWN_RATE
    learned = float(s["learned"])
    mean = mean_excess(s["clusters"], s["excess"], PRIOR_PEAKS, PRIOR_MEAN)
    passed = (s["clusters"] + 1.0) / (learned + math.exp(THRESHOLD))
    spent = mean * max(0.0, math.log((s["alarms"] + 0.5) / (rate * learned + 1.5)))
    alarm = threshold + _beyond(mean, s["clusters"], math.log(passed / rate)) + spent
    mark = threshold + _beyond(mean, s["clusters"], math.log(passed / max(rate, MARK_RATE)))
    due = rate * learned
    allowed = FIRST_ALARM + due * (1.0 + OVERSPENT / math.sqrt(1.0 + 0.25 * due))
    higher = 0.0
    peaks = s["peaks"]
    for k in range(PEAKS - 1, 0, -1):
        higher += peaks[k]
        if higher > allowed:
            alarm = max(alarm, 0.5 * k + 0.5 + mean * math.log(higher / allowed))
            break
    s["alarm_level"] = alarm
    s["mark_level"] = min(mark, alarm)


@kernel
def rarity(s: Any, evidence: float) -> float:
    """Return how rare it is that a peak as high begins, in decades: 3 is once in a thousand events.

    By the tail of the source's peaks, see `_beyond`, which is where the levels come from; but what happened twice is at most `OVERSPENT` + 1 times
    as rare as the past has it. So a score means the same on every source.
    """
    learned = float(s["learned"])
    mean = mean_excess(s["clusters"], s["excess"], PRIOR_PEAKS, PRIOR_MEAN)
    nats = -math.log((s["clusters"] + 1.0) / (learned + math.exp(THRESHOLD)))
    above = evidence - s["threshold"]
    if above <= 0.0:
        return float(max(0.0, nats + above) / NATS)
    known = s["clusters"] + PRIOR_PEAKS
    nats += known * math.log1p(above / (mean * known))
    higher = 0.0
    peaks = s["peaks"]
    for k in range(PEAKS - 1, -1, -1):
        if 0.5 * (k + 1) < evidence:
            break
        higher += peaks[k]
    if higher >= 2.0:
        nats = min(nats, math.log((1.0 + OVERSPENT) * (learned + 1.0) / higher))
    return float(max(0.0, nats) / NATS)


@kernel
def told_height(s: Any, height: float) -> None:
    """Book a peak of this height."""
    mean = mean_excess(s["clusters"], s["excess"], PRIOR_PEAKS, PRIOR_MEAN)
    s["excess"] += min(max(height - s["threshold"], 0.0), mean)
    s["clusters"] += 1.0
    # Within the histogram whatever a stored record says, infinity included.
    k = max(0, min(int(2.0 * height), PEAKS - 1))
    if s["peaks"][k] < 65535:
        s["peaks"][k] += 1


@kernel
def note_source_peak(s: Any, evidence: float) -> None:
    """Take the evidence of an event into the source's peaks."""
    if evidence > s["threshold"]:
        s["peak"] = max(s["peak"], evidence)
        s["quiet"] = 0
    elif s["peak"] > 0.0:
        s["quiet"] += 1
        if s["quiet"] >= GAP:
            told_height(s, s["peak"])
            s["told"] = False
            s["peak"] = 0.0
            s["quiet"] = 0
