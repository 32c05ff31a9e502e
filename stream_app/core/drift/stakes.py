"""What every bet must earn for an alarm: the false-alarm rate, split and corrected for dependence."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.drift.baseline import ChannelsBaseline, PairsBaseline
from stream_app.core.drift.betting import UNIT, Bets, pair_bets
from stream_app.core.drift.run_length import calibrated_threshold
from stream_app.core.drift.whitening import TRACKING

__all__ = ["Stakes", "stakes"]

_FAMILIES = ("level", "scale", "shape")  # the columns of the inflation
_SPENT = 0.5  # of the budget: chance and what calibration cannot see may take the other half
_PAIR_SHARE = 0.5  # of the rate: what happens between channels counts as much as what happens in them


class Stakes(NamedTuple):
    """Thresholds in nats and tolls per event in fixed point, of every bet: channels first, then pairs."""

    thresholds: FloatArray
    tolls: npt.NDArray[np.int32]


def stakes(rate: float, bets: Bets, channels: ChannelsBaseline, pairs: PairsBaseline) -> Stakes:
    """Split the false-alarm rate: rates add up, whatever the dependence between the members.

    Parameters
    ----------
    rate : float
        False alarms per event of the whole source.
    bets : Bets
        Bets on each channel.
    channels : ChannelsBaseline
        The channels' references.
    pairs : PairsBaseline
        The pairs' references.

    Returns
    -------
    Stakes
        Infinite thresholds mark what is not bet on.
    """
    spent, count = _SPENT * rate, len(pairs.first)
    share = spent * (1.0 - _PAIR_SHARE) if count else spent
    nats = calibrated_threshold("channel", len(channels.learned) / share)
    pair_nats = calibrated_threshold("pair", count / (spent * _PAIR_SHARE)) if count else nats
    gains = pair_bets().gains
    pair_thresholds = pair_nats * pairs.inflation[:, None]
    known = np.maximum(pairs.counts.sum(axis=1), 1)[:, None]
    pair_thresholds = pair_thresholds * (1.0 + pair_thresholds / (gains * known))
    thresholds = _channel_thresholds(bets, channels, nats)
    # Tracking has forgotten a change after a few of its windows: evidence that comes more slowly
    # than that cannot be about a change, so what is tracked pays for its time.
    tracked = channels.whitening.tracked
    either = tracked[pairs.first] | tracked[pairs.second]
    tolls = np.concatenate(
        (np.repeat(tracked * nats, len(bets.families)), np.repeat(either * pair_nats, len(gains)))
    )
    return Stakes(
        np.concatenate((thresholds.ravel(), pair_thresholds.ravel())),
        (tolls * UNIT / (4 * TRACKING)).astype(np.int32),
    )


def _channel_thresholds(bets: Bets, channels: ChannelsBaseline, nats: float) -> FloatArray:
    """Return what each bet on each channel must earn, shape (d, k); infinite for what is not bet on.

    Evidence of autocorrelated events is overstated by the inflation. A reference of N events is itself off,
    the same way during a whole run of evidence: over the ``n = threshold / gain`` events that a bet
    needs, this adds n / N to the variance of its evidence.
    """
    needed = nats * channels.inflation
    # The shape of a tracked channel's innovations is not the shape of the channel.
    needed[channels.whitening.tracked, _FAMILIES.index("shape")] = np.inf
    thresholds = needed[:, [_FAMILIES.index(family) for family in bets.families]]
    known = np.where(channels.learned, channels.counts.sum(axis=1), np.inf)[:, None]
    inflated: FloatArray = thresholds * (1.0 + thresholds / (bets.gains * known))
    return inflated
