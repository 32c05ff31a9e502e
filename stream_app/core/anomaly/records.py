"""State of the anomaly detector per source and per channel: the records of a bank."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.bank import Field, Layout

__all__ = [
    "CHANNEL",
    "JOINT_CHANNELS",
    "MAGNITUDE",
    "SEASON",
    "SHIFT",
    "SOURCE",
    "SPREAD",
    "anomaly_layout",
]

STATISTICS = 5
MAGNITUDE, SHIFT, SPREAD, OFFSET, SURPRISE = range(STATISTICS)
"""Numbers of a channel's statistics, as `channel` defines them."""

RANKS = 32
"""Bins of residual sizes, two an octave: a range of 1 to 65,000 about the usual size."""

PEAKS = 64
"""Bins of the heights of the source's peaks, half a nat each."""

JOINT_CHANNELS = 64
"""Beyond so many channels the joint statistics are off: their cost grows with the square."""

CHANNEL = np.dtype(
    [
        (
            "count",
            np.int64,
        ),  # values seen; lowered when a level is adopted, so that the new one is learned faster
        ("joined", np.float64),  # events of the source whose evidence had counted before its first value
        ("last", np.float64),
        ("step", np.float64),  # smallest difference of successive values: the resolution
        ("low", np.float64),  # range of the past, without the excursion that lasts
        ("high", np.float64),
        ("lowest", np.float64),  # range with it
        ("highest", np.float64),
        ("mean", np.float64),  # of all the past, at most 5,000 values
        ("follower", np.float64),  # exponential mean of 200 values
        ("trailer", np.float64),  # the same of the follower
        ("base", np.float64),  # the follower, standing still for a channel of an episode
        ("slow", np.float64),  # exponential means of 16 and 8 values
        ("fast", np.float64),
        ("residual", np.float64, (2,)),  # the two before
        ("size", np.float64),  # mean size of a residual
        ("noise", np.float64),  # mean size of an innovation: of 24 values, and of 2,000
        ("usual_noise", np.float64),
        ("error", np.float64, (2,)),  # mean sizes of errors of the forecasts: mean, follower
        ("season", np.float64),  # what the seasons that are taken off are forecast to be now
        ("wander", np.float64),  # mean square of follower minus trailer
        ("square", np.float64, (SURPRISE,)),  # of the statistics before surprise
        ("crossed", np.float32),  # share of residuals whose sign is not that of the one before
        ("kurtosis", np.float32, (SURPRISE,)),
        ("heavier", np.float32),  # by how much the offset's kurtosis grows when its stretch is over
        ("turns", np.float32, (SURPRISE,)),  # changes of sign
        ("run", np.int32),  # values since the offset changed its sign
        ("met", np.float32),  # mean length of its runs of one sign, as a value meets them
        ("clusters", np.float32, (STATISTICS,)),  # of large evidence, see tails
        ("excess", np.float32, (STATISTICS,)),
        ("peak", np.float32, (STATISTICS,)),
        ("quiet", np.int16, (STATISTICS,)),
        ("sign", np.int8, (SURPRISE,)),
        ("stale", np.int16),  # values until it takes part in the joint statistics again
        ("surprise", np.float32),  # evidence of the latest ranks
        ("progress", np.float32),  # sequential evidence
        ("ranks", np.float32, (RANKS,)),
        ("ranked", np.float32),
        ("rank_origin", np.int32),
        ("evidence", np.float32),  # of this event, in nats of rate
        ("spread_evidence", np.float32),
        ("normal", np.float32),  # signed normal equivalent of the shift, for the joint statistics
        ("segment", np.float64),  # level since the last changepoint, and its values
        ("levels", np.float32, (2,)),  # least and largest mean of 16 values outside of episodes
        ("segment_count", np.int16),
        ("settle", np.int16),
        ("far", np.int16),  # values in a row beyond 3 half ranges, and beyond 10
        ("farther", np.int16),
        ("depth", np.int8),  # so many seasons are taken off
        ("member", np.bool_),  # of the episode
        ("founder", np.bool_),
        ("moved", np.bool_),  # a level was adopted
        ("change", np.float32),  # largest one of the episode, in units
        ("changes", np.float32, (2,)),  # the two largest of past episodes, fading
        ("departure", np.float64),  # largest one in the episode
        ("known", np.float64),  # level before the one that was adopted last
        ("anchor", np.float64),  # level at which the channel stays
        ("still", np.int32),
        ("since", np.int32),
    ],
    align=True,
)
"""A channel."""

SEASON = np.dtype(
    [
        ("error", np.float64),  # mean size of the error of the forecast with this season and all shorter ones
        ("seen", np.float32),  # periods
    ],
    align=True,
)
"""The season of a channel with one period."""

SOURCE = np.dtype(
    [
        ("events", np.int64),
        ("learned", np.int64),  # events whose evidence counted
        ("last_ts", np.float64),
        ("gap", np.float64),  # usual time between events
        ("clusters", np.float32),  # peaks of the source's evidence, see calibration
        ("excess", np.float32),
        ("peak", np.float32),
        ("quiet", np.int32),
        ("warmup_left", np.int32),  # events until it is judged
        ("told", np.bool_),  # whether the peak that lasts raised an alarm
        ("peaks", np.uint16, (PEAKS,)),
        ("joint_square", np.float64, (2,)),
        ("joint_kurtosis", np.float32, (2,)),
        ("joint_clusters", np.float32, (2,)),
        ("joint_excess", np.float32, (2,)),
        ("joint_peak", np.float32, (2,)),
        ("joint_quiet", np.int16, (2,)),
        ("alarms", np.float64),
        ("rest", np.int32),  # events until the next alarm may begin
        ("threshold", np.float64),
        ("mark_level", np.float64),
        ("alarm_level", np.float64),
        ("recent", np.float64),  # fading maximum of the rarity
        ("active", np.bool_),  # an episode lasts
        ("length", np.int64),
        ("calm", np.int64),
        ("led", np.float32),  # largest evidence of a founder in it
        ("adopted", np.bool_),
        ("blamed", np.int16, (3,)),  # of the alarm that lasts, with its figures
        ("share", np.float32, (3,)),
        ("figures", np.float64, (6,)),
        ("height", np.float64),
        ("score", np.float64),
        ("marked", np.bool_),
        ("alarmed", np.bool_),
        ("changepoint", np.bool_),
    ],
    align=True,
)
"""A source: what is common to its channels, and at the end what the detector says of the latest event."""


def anomaly_layout(channels: int, periods: npt.NDArray[Any]) -> Layout:
    """Return the arrays of a bank.

    Parameters
    ----------
    channels : int
        Of each source.
    periods : array of PERIOD, shape (k,)
        Of its seasons; see `period_options`.

    Examples
    --------
    >>> from stream_app.core.anomaly.calendar import period_options
    >>> [name for name in anomaly_layout(2, period_options((86400.0,))) if name.startswith("anomaly.s")]
    ['anomaly.source', 'anomaly.seasons']
    """
    bins = int(periods["bins"].sum())
    joint = channels if 1 < channels <= JOINT_CHANNELS else 1
    square = Field(np.dtype(np.float32), (joint, joint))
    return {
        "anomaly.source": Field(SOURCE),
        "anomaly.channel": Field(CHANNEL, (channels,)),
        "anomaly.seasons": Field(SEASON, (channels, len(periods))),
        "anomaly.profiles": Field(np.dtype(np.float32), (channels, bins)),
        "anomaly.visits": Field(np.dtype(np.uint8), (channels, bins)),
        "anomaly.correlation": square,
        "anomaly.inverse": square,
        "anomaly.weight": Field(np.dtype(np.float32), (channels,)),
    }
