"""Records and precomputed tables of the multivariate drift detector."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from stream_app.core.bank import Field, Layout
from stream_app.core.drift.betting import RANKS, SCORES, channel_bets
from stream_app.core.drift.config import MultivariateConfig
from stream_app.core.drift.halfspaces import PLANES
from stream_app.core.drift.records import CHANNEL

__all__ = ["BETS", "LOOKS", "MULTIVARIATE_OPTIONS", "PLANE", "RECENT", "SOURCE", "multivariate_directions"]
__all__ += ["multivariate_layout", "multivariate_options"]

LOOKS = 3
"""Bets that an event looks more like the latest events than like the reference."""

_FAR_BETS = 6

BETS = LOOKS + _FAR_BETS
"""All bets; those behind the first are that it lies farther from the centre, or nearer."""

RECENT = 64
"""Latest events that others are compared with: enough to show a shift of one standard deviation, and soon forgotten."""

SOURCE = np.dtype(
    [
        ("rows", np.int64),  # events since the reference was begun
        ("owed", np.float64),  # alarms that the budget has not yet paid for
        ("nats", np.float32),  # that an alarm takes, 0 while no rate is known
        ("bar", np.float32),  # thresholds are multiplied by it
        ("statistic", np.float32),  # evidence over threshold of the latest alarm
        ("look_time", np.float32),  # by how much evidence is overstated by autocorrelation
        ("far_time", np.float32),
        ("blocks", np.float32, (6,)),  # sums of the distances' cube roots while they are ranked
        ("evidence", np.float32, (BETS,)),
        ("since", np.uint16, (BETS,)),
    ],
    align=True,
)

PLANE = np.dtype(
    [
        ("threshold", np.float32),  # where the hyperplane lies along its normal
        ("beyond", np.int32),  # events of the first half beyond it
        ("recent", np.int32),  # of the latest events
        ("weight", np.int32),  # in the witness
    ],
    align=True,
)

MULTIVARIATE_OPTIONS = np.dtype(
    [
        ("warmup", np.int64),
        ("min_effect", np.float64),
        ("deviations", np.float64),  # quantile for the largest of the channels' memories
        ("scores", np.float32, (RANKS,)),
        ("places", np.float32, (PLANES,)),  # which event of the sample each hyperplane goes through
        ("look_tilts", np.float32, (RANKS, LOOKS)),
        ("far_tilts", np.float32, (RANKS, _FAR_BETS)),
        ("look_means", np.float32, (LOOKS,)),
        ("far_means", np.float32, (_FAR_BETS,)),
        ("slowness", np.float32, (BETS,)),
    ],
    align=True,
)
"""Settings and the tables made from them, one for all sources."""


def multivariate_layout(channels: int, warmup: int) -> Layout:
    """Return the arrays of a source with so many channels; 46 KB for 21 channels and a warm-up of 500."""
    half = warmup // 2
    along = channels + PLANES
    return {
        "multivariate.source": Field(SOURCE),
        "multivariate.channel": Field(CHANNEL, (channels,)),
        "multivariate.plane": Field(PLANE, (PLANES,)),
        "multivariate.sides": Field(np.dtype(np.uint64), (warmup - half + RECENT, PLANES // 64)),
        "multivariate.ranked": Field(np.dtype(np.float32), (2, warmup - half)),
        "multivariate.sample": Field(np.dtype(np.float32), (half, channels)),
        "multivariate.projection": Field(np.dtype(np.float32), (channels, along)),
        "multivariate.scratch": Field(np.dtype(np.float32), (2, along)),
    }


def multivariate_options(channels: int, config: MultivariateConfig) -> npt.NDArray[np.void]:
    """Return a record of `MULTIVARIATE_OPTIONS`, shape (1,); the false-alarm rate is given with each event."""
    bets = channel_bets(config.min_effect)
    far, looks = np.arange(_FAR_BETS), np.arange(0, _FAR_BETS, 2)  # level bets; those upwards
    ranked = config.warmup - config.warmup // 2
    # The rank among N others takes N + 1 values with equal chance.
    shares = (np.arange(ranked + 1) + 0.5) / (ranked + 1)
    classes = np.minimum(RANKS - 1, (RANKS * np.arccos(1.0 - 2.0 * shares) / np.pi).astype(np.int64))
    means = np.log(np.exp(bets.tilts.astype(np.float64))[classes].mean(axis=0))
    options = np.zeros(1, dtype=MULTIVARIATE_OPTIONS)
    options["warmup"], options["min_effect"] = config.warmup, config.min_effect
    options["deviations"] = NormalDist().inv_cdf(1.0 - 0.025 / channels)
    options["scores"] = SCORES
    options["places"] = np.random.default_rng([config.seed, 1]).random(PLANES)
    options["look_tilts"], options["far_tilts"] = bets.tilts[:, looks], bets.tilts[:, far]
    options["look_means"], options["far_means"] = means[looks], means[far]
    options["slowness"] = 1.0 / np.concatenate((bets.gains[looks], bets.gains[far]))
    return options


def multivariate_directions(channels: int, config: MultivariateConfig) -> npt.NDArray[np.float32]:
    """Return random unit vectors, shape (channels, PLANES)."""
    normals = np.random.default_rng(config.seed).standard_normal((channels, PLANES))
    unit: npt.NDArray[np.float32] = (normals / np.sqrt((normals * normals).sum(axis=0))).astype(np.float32)
    return unit
