"""Images with their labels, and a fair share of them for training."""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.tables.cells import LabelColumn

__all__ = ["SIDE", "Collection", "Pixels"]

Pixels: TypeAlias = npt.NDArray[np.uint8]

SIDE = 28
"""Pixels of an image's side, MNIST's."""

_HALVES_SEED = 1


@dataclass(frozen=True, slots=True)
class Collection:
    """Grey images in an order.

    Parameters
    ----------
    pixels : ndarray of uint8 (n, 28, 28)
    labels : ndarray of object (n,)
        Texts; None where nobody said.
    """

    pixels: Pixels
    labels: LabelColumn

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: npt.NDArray[np.int64] | slice) -> "Collection":
        """Return some of the images."""
        return Collection(self.pixels[rows], self.labels[rows])

    @property
    def labelled(self) -> "Collection":
        """Those with a label."""
        return self.take(np.flatnonzero([label is not None for label in self.labels]))

    @property
    def known(self) -> tuple[str, ...]:
        """All labels, in order: numbers by size, then texts."""
        found = {label for label in self.labels.tolist() if label is not None}
        return tuple(sorted(found, key=lambda text: (not text.isdigit(), len(text) * text.isdigit(), text)))

    @property
    def digest(self) -> str:
        """Name of exactly these images with these labels."""
        told = "\n".join("" if label is None else f"={label}" for label in self.labels.tolist())
        return hashlib.sha256(np.ascontiguousarray(self.pixels).tobytes() + told.encode()).hexdigest()

    def halves(self) -> tuple["Collection", "Collection"]:
        """Cut into two at random, the same two each time; each keeps the order."""
        mixed = np.random.default_rng(_HALVES_SEED).permutation(len(self))
        first, second = np.sort(mixed[: len(self) // 2]), np.sort(mixed[len(self) // 2 :])
        return self.take(first), self.take(second)
