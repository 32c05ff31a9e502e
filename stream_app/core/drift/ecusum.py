"""The CUSUM e-detector: evidence that the stream has changed at some unknown time before now.

With e-values ``e_1, e_2, ...`` (each of mean at most one given the past while nothing has changed) the
e-CUSUM is ``M_t = e_t max(M_{t-1}, 1)``. Its average run length to a threshold ``A`` is at least ``A``
whatever the distribution. Kept here is ``R_t = max(0, log M_t)``.

An e-value is what a bet pays, divided by its mean over the reference. The reference grows block by block.

References
----------
Shin, Ramdas, Rinaldo (2024). E-detectors. New England Journal of Statistics in Data Science 2(2), section 2.
"""

from typing import Any

import numpy as np

from stream_app.core.kernel import kernel

__all__ = ["absorb", "advance", "raised", "strongest"]


@kernel
def advance(
    evidence: Any, since: Any, log_odds: Any, log_means: Any, toll: float, most: int, bound: float
) -> bool:
    """Move the e-CUSUMs of some bets on by an event, and return whether one is beyond a bound.

    Parameters
    ----------
    evidence : ndarray of float32, shape (k,)
        ``R_t`` in nats; changed in place.
    since : ndarray of unsigned integers, shape (k,)
        Events since it was zero; changed in place.
    log_odds : ndarray of float32, shape (k,)
        Logarithm of what each bet pays for the event.
    log_means : ndarray of float32, shape (k,)
        Logarithm of what it pays on average in the reference.
    toll : float
        Nats taken off at each event.
    most : int
        What `since` can hold.
    bound : float
        Threshold, in nats.

    Examples
    --------
    >>> evidence, since = np.float32([1.0, 0.0]), np.uint16([4, 0])
    >>> advance(evidence, since, np.float32([0.5, -0.1]), np.float32([0.0, 0.0]), 0.0, 65535, 9.0)
    False
    >>> evidence.tolist(), since.tolist()
    ([1.5, 0.0], [5, 0])
    """
    # Everything in single precision and without branches, so that the loops become vector instructions.
    off, limit, zero = np.float32(toll), np.float32(bound), np.float32(0.0)
    beyond = 0
    for bet in range(len(evidence)):
        more = evidence[bet] + (log_odds[bet] - log_means[bet] - off)
        more = more if more > zero else zero  # noqa: FURB136 max() has branches for NaN
        evidence[bet] = more
        beyond += int(more > limit)
    for bet in range(len(evidence)):
        later = since[bet] + (since[bet] < most)
        since[bet] = later if evidence[bet] > zero else 0
    return beyond > 0


@kernel
def raised(nats: float, slowness: float, known: int) -> float:
    """Return what a bet must earn if the reference is a sample.

    A reference of N events is itself off, the same way during a whole run of evidence: over the
    ``n = nats slowness`` events that a bet takes, this adds n / N to the variance of its evidence.

    Examples
    --------
    >>> round(raised(12.0, 10.0, 1200), 1)
    13.2
    """
    return nats * (1.0 + nats * slowness / max(known, 1))


@kernel
def strongest(
    evidence: Any, slowness: Any, first: int, stop: int, nats: float, known: int
) -> tuple[float, int]:
    """Return the largest evidence over its threshold among the bets from `first` up to `stop`, and which it is."""
    best, which = 0.0, first
    for bet in range(first, stop):
        # Divided only where it leads: this is what an event costs most.
        threshold = raised(nats, float(slowness[bet]), known)
        if float(evidence[bet]) > best * threshold:
            best, which = float(evidence[bet]) / threshold, bet
    return best, which


@kernel
def absorb(log_means: Any, odds: Any, unit: float, known: int, pending: int, most: int) -> int:
    """Let a reference grow by a block, and return its new size.

    Parameters
    ----------
    log_means : ndarray of float32, shape (k,)
        Changed in place.
    odds : ndarray of uint16, shape (k,)
        Sums over the block of what each bet paid, times `unit`; set to zero.
    unit : float
        Of the odds.
    known, pending : int
        Events of the reference and of the block.
    most : int
        The reference counts as at most so many events, so that the old fade.
    """
    before = known + 0.5
    for bet in range(len(odds)):
        paid = before * np.exp(float(log_means[bet])) + int(odds[bet]) / unit
        log_means[bet] = np.log(paid / (before + pending))
        odds[bet] = 0
    return min(known + pending, most)
