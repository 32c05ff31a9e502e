"""Progress of a source's warm-up: events until it is judged, and effective number of independent events so far."""

import math
from typing import Any

import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.kernel import kernel

__all__ = ["effective_events", "least_events", "warmup_figures", "warmup_left"]

LEAST = 32
"""Events below which nothing is judged, unless the warm-up is shorter."""
DUE = 0.5
"""False alarms that the budget allows by then, where a source is judged before its warm-up is over."""


@kernel
def least_events(warmup: int) -> int:
    """Return the events from which the evidence counts.

    >>> least_events(400)
    100
    """
    return max(LEAST, warmup // 4)


@kernel
def warmup_left(events: int, warmup: int, rate: float) -> int:
    """Return how many more events a source takes in before it is judged; 0 where this one is judged.

    Parameters
    ----------
    events : int
        Events seen, with this one.
    warmup : int
        The setting.
    rate : float
        False alarms allowed an event; NaN where that is not known yet.

    Examples
    --------
    >>> warmup_left(312, 400, 1e-4), warmup_left(401, 400, 1e-4)
    (89, 0)
    >>> warmup_left(90, 400, 4e-3), warmup_left(125, 400, 4e-3)
    (35, 0)
    """
    least = least_events(warmup)
    if events > warmup or (events > least and rate * events >= DUE):
        return 0
    first = float(warmup + 1)
    if rate > 0.0:
        first = min(first, max(least + 1.0, math.ceil(DUE / rate)))
    return max(int(first) - events, 1)


@kernel
def effective_events(count: int, crossed: float) -> float:
    """Return how many independent values those of a channel are worth, for the mean of a normal autoregression of order one.

    Residuals that follow each other differ in sign with a probability of arccos(r) / pi, where r is their correlation
    (Rice 1944); n of them are worth n (1 - r) / (1 + r).

    Parameters
    ----------
    count : int
        Values.
    crossed : float
        Share of residuals whose sign is not that of the one before.

    Examples
    --------
    >>> round(effective_events(300, 0.5)), round(effective_events(300, 0.1))
    (300, 8)
    """
    # (1 - cos x) / (1 + cos x) is the square of tan(x / 2); beyond half of them the correlation is negative.
    return float(count * math.tan(0.5 * math.pi * min(max(crossed, 0.0), 0.5)) ** 2)


@kernel
def warmup_figures(
    sources: npt.NDArray[Any], channels: npt.NDArray[Any], slots: IntArray, out: FloatArray
) -> None:
    """Compute the warm-up progress of some sources of a bank.

    Parameters
    ----------
    sources, channels : arrays of SOURCE and CHANNEL, shapes (slots,) and (slots, d)
        Records of a bank.
    slots : array of int, shape (n,)
        Slots of the sources.
    out : array, shape (n, 2)
        Takes the events until each is judged, and the effective events of its most autocorrelated channel.
    """
    for i in range(len(slots)):
        slot = slots[i]
        out[i, 0] = sources[slot]["warmup_left"]
        fewest = float(sources[slot]["events"])
        for j in range(channels.shape[1]):
            c = channels[slot, j]
            if c["count"] > 0:
                fewest = min(fewest, effective_events(c["count"], c["crossed"]))
        out[i, 1] = fewest
