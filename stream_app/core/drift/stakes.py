"""What every bet must earn for an alarm: the false-alarm rate, split and corrected for dependence."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.drift.baseline import ChannelsBaseline, PairsBaseline
from stream_app.core.drift.betting import UNIT, Bets, pair_bets
from stream_app.core.drift.run_length import calibrated_threshold
from stream_app.core.drift.whitening import TRACKING

__all__ = ["Stakes"]

_FAMILIES = ("level", "scale", "shape")  # the columns of the inflation
_SPENT = 0.5  # of the budget: chance and what calibration cannot see may take the other half
_PAIR_SHARE = 0.5  # of the rate: what happens between channels counts as much as what happens in them


@dataclass(frozen=True, slots=True)
class Stakes:
    """What each of m bets must earn: on channels first, then on pairs.

    Parameters
    ----------
    needed : ndarray of float, shape (m,)
        Nats that an alarm takes if the reference were known exactly; infinite for what is not bet on.
    gains : ndarray of float, shape (m,)
        Nats that each bet earns per event if the change it bets on has happened.
    tolls : ndarray of int32, shape (m,)
        Taken off at each event, in fixed point.
    """

    needed: FloatArray
    gains: FloatArray
    tolls: npt.NDArray[np.int32]

    @classmethod
    def split(cls, rate: float, bets: Bets, channels: ChannelsBaseline, pairs: PairsBaseline) -> Self:
        """Split the false-alarm rate: rates add up, whatever the dependence between the members.

        Evidence of autocorrelated events is overstated by the inflation, so it needs as much more.

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
        """
        spent, count = _SPENT * rate, len(pairs.first)
        share = spent * (1.0 - _PAIR_SHARE) if count else spent
        nats = calibrated_threshold("channel", len(channels.learned) / share)
        pair_nats = calibrated_threshold("pair", count / (spent * _PAIR_SHARE)) if count else nats
        kinds = len(pair_bets().families)
        tracked = channels.whitening.tracked
        needed = nats * channels.inflation
        # The shape of a tracked channel's innovations is not the shape of the channel.
        needed[tracked, _FAMILIES.index("shape")] = np.inf
        needed = needed[:, [_FAMILIES.index(family) for family in bets.families]]
        # Tracking has forgotten a change after a few of its windows: evidence that comes more slowly
        # than that cannot be about a change, so what is tracked pays for its time.
        either = tracked[pairs.first] | tracked[pairs.second]
        tolls = np.concatenate(
            (np.repeat(tracked * nats, len(bets.families)), np.repeat(either * pair_nats, kinds))
        )
        return cls(
            needed=np.concatenate((needed.ravel(), np.repeat(pair_nats * pairs.inflation, kinds))),
            gains=np.concatenate((np.tile(bets.gains, len(tracked)), np.tile(pair_bets().gains, count))),
            tolls=(tolls * UNIT / (4 * TRACKING)).astype(np.int32),
        )

    def thresholds(self, channels: ChannelsBaseline, pairs: PairsBaseline) -> FloatArray:
        """Return what each bet must earn now, shape (m,).

        A reference of N events is itself off, the same way during a whole run of evidence: over the
        ``n = needed / gain`` events that a bet takes, this adds n / N to the variance of its evidence.
        """
        known = np.where(channels.learned, channels.counts.sum(axis=1), np.inf)
        of_pairs = np.maximum(pairs.counts.sum(axis=1), 1)
        bets = (len(self.needed) - len(of_pairs) * len(pair_bets().families)) // len(known)
        events = np.concatenate((np.repeat(known, bets), np.repeat(of_pairs, len(pair_bets().families))))
        inflated: FloatArray = self.needed * (1.0 + self.needed / (self.gains * events))
        return inflated
