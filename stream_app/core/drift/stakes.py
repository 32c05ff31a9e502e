"""What every bet must earn for an alarm: the false-alarm rate, split and corrected for dependence."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.drift.baseline import ChannelBaseline, PairsBaseline
from stream_app.core.drift.betting import UNIT, Bets, pair_bets
from stream_app.core.drift.run_length import calibrated_threshold
from stream_app.core.drift.whitening import TRACKING

__all__ = ["Stakes", "stakes"]

_SPENT = 0.5  # of the budget: chance and what calibration cannot see may take the other half
_PAIR_SHARE = 0.5  # of the rate: what happens between channels counts as much as what happens in them


class Stakes(NamedTuple):
    """Thresholds in nats and tolls per event in fixed point, of every bet: channels first, then pairs."""

    thresholds: FloatArray
    tolls: npt.NDArray[np.int32]


def stakes(rate: float, bets: Bets, bases: Sequence[ChannelBaseline | None], pairs: PairsBaseline) -> Stakes:
    """Split the false-alarm rate: rates add up, whatever the dependence between the members.

    Parameters
    ----------
    rate : float
        False alarms per event of the whole source.
    bets : Bets
        Bets on each channel.
    bases : sequence of ChannelBaseline or None
        The channels' references; None while learning.
    pairs : PairsBaseline
        The pairs' references.

    Returns
    -------
    Stakes
        Infinite thresholds mark what is not bet on.
    """
    spent, count = _SPENT * rate, len(pairs.first)
    nats = calibrated_threshold("channel", len(bases) / (spent * (1.0 - _PAIR_SHARE) if count else spent))
    pair_nats = calibrated_threshold("pair", count / (spent * _PAIR_SHARE)) if count else nats
    gains = pair_bets().gains
    pair_thresholds = pair_nats * pairs.inflation[:, None]
    known = np.maximum(pairs.counts.sum(axis=1), 1)[:, None]
    pair_thresholds = pair_thresholds * (1.0 + pair_thresholds / (gains * known))
    thresholds = [_channel_thresholds(bets, base, nats) for base in bases]
    # Tracking has forgotten a change after a few of its windows: evidence that comes more slowly
    # than that cannot be about a change, so what is tracked pays for its time.
    tracked = np.array([base is not None and base.whitening.tracked for base in bases])
    either = tracked[pairs.first] | tracked[pairs.second]
    tolls = np.concatenate(
        (np.repeat(tracked * nats, len(bets.families)), np.repeat(either * pair_nats, len(gains)))
    )
    return Stakes(
        np.concatenate((*thresholds, pair_thresholds.ravel())),
        (tolls * UNIT / (4 * TRACKING)).astype(np.int32),
    )


def _channel_thresholds(bets: Bets, base: ChannelBaseline | None, nats: float) -> FloatArray:
    """Return what each bet on a channel must earn; infinite for what is not bet on.

    Evidence of autocorrelated events is overstated by the inflation. A reference of N events is itself off,
    the same way during a whole run of evidence: over the ``n = threshold / gain`` events that a bet
    needs, this adds n / N to the variance of its evidence.
    """
    if base is None:
        return np.full(len(bets.families), nats)
    level, scale, shape = (nats * base.inflation).tolist()
    # The shape of a tracked channel's innovations is not the shape of the channel.
    needed = {"level": level, "scale": scale, "shape": np.inf if base.whitening.tracked else shape}
    thresholds = np.array([needed[family] for family in bets.families])
    inflated: FloatArray = thresholds * (1.0 + thresholds / (bets.gains * base.counts.sum()))
    return inflated
