"""Buckets of a source's history: five widths, and how many of each are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.bank import Field, Layout

__all__ = [
    "BUCKET",
    "LENGTHS",
    "MOST_CHANNELS",
    "WIDTHS",
    "ClosedBuckets",
    "history_layout",
]

WIDTHS = (5, 60, 600, 3_600, 43_200)
"""Width of the buckets of each level, in seconds; each is a multiple of the one before.

Eight channels shall take 24 KiB of Redis, which is 336 buckets of 72 bytes. Five levels share them about evenly: five minutes, an
hour, twelve hours, three days and five weeks, each drawn by 60 points at least as long as readings come that often. Seconds for fifteen
minutes, minutes for two days and hours for two months would be 5,220 buckets, or 4.7 bytes for each with its 25 numbers.
"""

LENGTHS = (60, 60, 72, 72, 72)
"""Buckets that are kept of each level."""

MOST_CHANNELS = 64
"""Channels of a source that have a history, the first ones: one of thousands would take megabytes."""


LEVEL = np.dtype(
    [
        ("index", np.int32),  # time of the open bucket, in widths since the epoch
        ("count", np.int32),  # readings in it
        ("closed", np.int32),  # buckets that were closed before it
        ("score", np.float32),  # largest score in it
    ],
    align=True,
)
CHANNEL = np.dtype(
    [("mean", np.float32), ("low", np.float32), ("high", np.float32), ("count", np.int32)], align=True
)
"""Of one channel in an open bucket."""

BUCKET = np.dtype(
    [
        ("event", np.int64),  # that closed it, by its place
        ("level", np.int64),
        ("sequence", np.int64),  # of the level's buckets, from 0
        ("index", np.int64),
        ("count", np.int64),
        ("score", np.float64),
    ],
    align=True,
)
"""A bucket on its way to the store; its channels are in an array beside it."""


@dataclass(frozen=True, slots=True)
class ClosedBuckets:
    """Buckets of sources of one bank, in the order in which they were closed.

    Parameters
    ----------
    channels : tuple of str
        Names of the d channels.
    sources : list of str
        Source of each.
    heads : array of BUCKET, shape (n,)
        What they have beside their channels.
    figures : array of float32, shape (n, d, 3)
        Mean, minimum and maximum of each channel; NaN where there was no reading.
    """

    channels: tuple[str, ...]
    sources: list[str]
    heads: npt.NDArray[Any]
    figures: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sources)

    @classmethod
    def joined(cls, parts: Sequence["ClosedBuckets"]) -> list["ClosedBuckets"]:
        """Put together those that have the same channels, in their order."""
        together: dict[tuple[str, ...], list[ClosedBuckets]] = {}
        for part in parts:
            together.setdefault(part.channels, []).append(part)
        return [
            cls(
                channels,
                [source for one in some for source in one.sources],
                np.concatenate([one.heads for one in some]),
                np.concatenate([one.figures for one in some]),
            )
            for channels, some in together.items()
        ]


def history_layout(channels: int) -> Layout:
    """Return the arrays of a bank for open buckets."""
    kept = min(channels, MOST_CHANNELS)
    return {
        "history.level": Field(LEVEL, (len(WIDTHS),)),
        "history.channel": Field(CHANNEL, (len(WIDTHS), kept)),
    }
