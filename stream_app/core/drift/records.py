"""Records of the drift detector: state per source, channel and pair of channels."""

import numpy as np
import numpy.typing as npt

from stream_app.core.bank import Field, Layout
from stream_app.core.drift.betting import BETS, PAIR_BETS, PAIR_BINS, RANKS, SCORES, channel_bets, pair_bets
from stream_app.core.drift.config import DriftConfig

__all__ = ["BINS", "CHANNEL", "MOST_PAIRS", "OPTIONS", "ORDER", "PAIR", "SAMPLE", "SOURCE", "drift_layout"]
__all__ += ["COUNTING", "FITTED", "LOCATED", "UNLOCATED", "WATCHED", "drift_options"]

ORDER = 8
"""Most coefficients of an autoregression."""

SAMPLE = 60
"""Latest values kept while a channel is gathered: for bins, 52 innovations and the values that they need before."""

BINS = 17
"""Quantile bins of a channel, narrower towards the tails as the classes of ranks are."""

MOST_PAIRS = 28
"""Pairs of channels watched per source: all of eight channels; of more, those that correlate most."""

UNLOCATED, LOCATED, FITTED, COUNTING, WATCHED = range(5)
"""Stages of a channel: nothing known; centre and scale known; filter known; bins known; watched."""

SOURCE = np.dtype(
    [
        ("rows", np.int64),  # events since the reference was begun
        (
            "warmup",
            np.int64,
        ),  # events that it is learned from, where the budget asks for more than the options
        ("owed", np.float64),  # alarms that the budget has not yet paid for
        ("nats", np.float32),  # that one channel's alarm takes, 0 while no rate is known
        ("pair_nats", np.float32),
        ("bar", np.float32),  # thresholds are multiplied by it
        ("statistic", np.float32),  # evidence over threshold of the latest alarm
        ("paired", np.uint8),  # whether pairs have been chosen
        ("prepaid", np.uint8),  # whether the prepaid alarms have been charged
    ],
    align=True,
)
"""One a source."""

_CHANNEL_FIELDS: tuple[tuple[str, int, object], ...] = (
    (
        "origin",
        0,
        np.float64,
    ),  # subtracted first; the rest is in single precision, so that equal values stay equal
    ("centre", 8, np.float32),  # median, from the origin
    ("scale", 12, np.float32),  # robust standard deviation
    ("mean", 16, np.float32),  # of the reference, from the origin, for people
    ("deviation", 20, np.float32),
    ("recent", 24, np.float32),  # exponentially weighted mean of values, from `mean`
    ("recent_square", 28, np.float32),  # and of their squares
    ("level", 32, np.float32),  # exponentially weighted mean of innovations (tracked)
    ("spread", 36, np.float32),  # and of their sizes
    ("unit", 40, np.float32),  # mean size of an innovation in the sample
    ("level_time", 44, np.float32),  # by how much evidence on the level is overstated by autocorrelation
    ("scale_time", 48, np.float32),  # the same for scale and shape
    ("past", 52, (np.float32, (ORDER,))),  # latest values, standardised, newest first
    # Until the filter is fitted, its bytes hold what it is fitted from:
    ("moments", 84, (np.float32, (15,))),  # sum, products of lags 0 to 8, sums of blocks, number
    ("coefficients", 84, (np.float32, (ORDER,))),  # of the autoregression
    ("odds", 116, (np.uint16, (BETS,))),  # sums of each bet's odds in this block
    ("sample", 144, (np.float32, (SAMPLE,))),  # latest values; then:
    ("edges", 144, (np.float32, (BINS - 1,))),  # quantiles of innovations
    ("evidence", 208, (np.float32, (BETS,))),  # of each bet, nats; while counting:
    ("blocks", 208, (np.float32, (BETS,))),  # sums of scores, of their squares and of values
    ("log_means", 264, (np.float32, (BETS,))),  # of each bet's odds over the reference; while counting:
    ("counts", 264, (np.uint16, (BINS,))),  # events in each bin
    ("since", 320, (np.uint16, (BETS,))),  # events since each bet's evidence was zero
    ("classes", 348, (np.uint8, (BINS,))),  # class of ranks of each bin
    ("known", 384, np.uint32),  # events that the reference was learned from
    ("seen", 388, np.uint32),  # values gathered for the filter
    ("pending", 392, np.uint16),  # events of this block
    ("rank", 394, np.uint8),  # class of the latest value, RANKS where it is missing
    ("stage", 395, np.uint8),
    ("order", 396, np.uint8),  # of the autoregression
    ("tracked", 397, np.bool_),  # whether level and scale are relative to their recent means
    ("wanders", 398, np.bool_),  # whether an untracked reference of it was found to wander
    ("tied", 399, np.bool_),  # whether some edges are equal
)

CHANNEL = np.dtype(
    {
        "names": [name for name, _, _ in _CHANNEL_FIELDS],
        "offsets": [offset for _, offset, _ in _CHANNEL_FIELDS],
        "formats": [form for _, _, form in _CHANNEL_FIELDS],
        "itemsize": 400,
    },
    align=True,
)
"""One a channel. Fields that are never needed together share bytes."""

PAIR = np.dtype(
    [
        ("first", np.uint16),
        ("second", np.uint16),
        ("known", np.uint16),
        ("pending", np.uint16),
        ("together", np.float32),  # brings the sum of the scores to variance one, over the width of a class
        ("apart", np.float32),  # the same for their difference
        ("time", np.float32),  # by how much evidence is overstated by autocorrelation
        ("evidence", np.float32, (PAIR_BETS,)),  # nats; before it is watched: sums of products
        ("log_means", np.float32, (PAIR_BETS,)),
        ("odds", np.uint16, (PAIR_BETS,)),
        ("since", np.uint8, (PAIR_BETS,)),
    ],
    align=True,
)
"""One a pair of channels that is watched."""

OPTIONS = np.dtype(
    [
        ("warmup", np.int64),
        ("min_effect", np.float64),
        ("prepaid", np.bool_),
        ("scores", np.float32, (RANKS,)),
        ("odds", np.uint16, (RANKS, BETS)),
        ("tilts", np.float32, (RANKS, BETS)),
        ("slowness", np.float32, (BETS,)),  # events in which a bet earns a nat
        ("pair_odds", np.uint16, (PAIR_BINS, PAIR_BETS)),
        ("pair_tilts", np.float32, (PAIR_BINS, PAIR_BETS)),
        ("pair_slowness", np.float32, (PAIR_BETS,)),
    ],
    align=True,
)
"""Settings and the tables made from them, one for all sources."""


def drift_layout(channels: int, *, correlation: bool = True) -> Layout:
    """Return the arrays of a source with so many channels; 5,032 bytes for eight.

    Parameters
    ----------
    channels : int
        At least one.
    correlation : bool
        Whether pairs of channels are watched.

    Examples
    --------
    >>> {name: field.shape for name, field in drift_layout(8).items()}
    {'drift.source': (), 'drift.pair': (28,), 'drift.channel': (8,)}
    """
    pairs = min(MOST_PAIRS, channels * (channels - 1) // 2) if correlation else 0
    return {
        "drift.source": Field(SOURCE),
        "drift.pair": Field(PAIR, (pairs,)),
        "drift.channel": Field(CHANNEL, (channels,)),
    }


def drift_options(config: DriftConfig) -> npt.NDArray[np.void]:
    """Return a record of `OPTIONS`, shape (1,); the false-alarm rate is given with each event."""
    options = np.zeros(1, dtype=OPTIONS)
    bets, pairs = channel_bets(config.min_effect), pair_bets()
    options["warmup"], options["min_effect"], options["prepaid"] = (
        config.warmup,
        config.min_effect,
        config.prepaid,
    )
    options["scores"] = SCORES
    options["odds"], options["tilts"], options["slowness"] = bets.odds, bets.tilts, 1.0 / bets.gains
    options["pair_odds"], options["pair_tilts"] = pairs.odds, pairs.tilts
    options["pair_slowness"] = 1.0 / pairs.gains
    return options
