"""Thresholds for an average run length: how much evidence a false-alarm rate demands.

What is proved: if e-values have mean at most one given the past, one e-CUSUM alarms on average not
before ``exp(h)`` events (Shin, Ramdas, Rinaldo 2024), and k of them together not before ``exp(h) / k``:
`guaranteed_threshold`. What is calibrated: the bound ignores that evidence overshoots, that bets
overlap and that the reference is itself a sample. Since only ranks against the reference enter, the
run length of the whole procedure (learning included) is the same for every continuous distribution of
independent observations, so it was simulated once and for all: `calibrated_threshold`.
"""

from math import log
from typing import Literal

from stream_app.errors import SettingsError

__all__ = ["calibrated_threshold", "guaranteed_threshold"]

# Fitted to simulated run lengths from 1e3 to 1e6 events (benchmarks/detection/run_length.py).
_OFFSETS = {"channel": -0.2, "pair": -1.2}


def guaranteed_threshold(bets: int, run_length: float) -> float:
    """Return the evidence at which `bets` e-CUSUMs together have at least this average run length.

    Parameters
    ----------
    bets : int
        How many e-CUSUMs look at the same events.
    run_length : float
        Mean number of events between false alarms.

    Returns
    -------
    float
        Threshold in nats.

    Examples
    --------
    >>> round(guaranteed_threshold(14, 10_000), 2)
    11.85
    """
    return log(bets * _checked(run_length))


def calibrated_threshold(kind: Literal["channel", "pair"], run_length: float) -> float:
    """Return the evidence at which one channel, or one pair of channels, has this average run length.

    Parameters
    ----------
    kind : {'channel', 'pair'}
        Whose bets.
    run_length : float
        Mean number of events between false alarms.

    Returns
    -------
    float
        Threshold in nats.

    Examples
    --------
    >>> calibrated_threshold("channel", 1e5) < guaranteed_threshold(14, 1e5)
    True
    """
    return max(1.0, log(_checked(run_length)) + _OFFSETS[kind])


def _checked(run_length: float) -> float:
    if not run_length >= 10.0:
        raise SettingsError(
            f"an average run length of {run_length:g} events was asked for; "
            "give a false-alarm budget of at most one in ten events"
        )
    return run_length
