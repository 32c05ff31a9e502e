"""Making images worse: contrast, blur and noise, in ten levels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.images.collection import Pixels
from producers.images.options import Corruption

__all__ = ["LEVELS", "MAX_LEVEL", "Corruptor", "Level"]

IntArray: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]

_BLOCK = 64
"""Images whose noise is drawn together: seeding a generator for each would take three times as long."""


@dataclass(frozen=True, slots=True)
class Level:
    """Strengths of the three corruptions, applied in the order in which a camera suffers them.

    Parameters
    ----------
    contrast : float
        Factor on the grey levels: the lamp, or fog; black stays black.
    blur : float
        Standard deviation of a Gaussian in pixels: the lens.
    noise : float
        Standard deviation of additive Gaussian noise, in shares of the grey scale: the sensor.
    """

    contrast: float = 1.0
    blur: float = 0.0
    noise: float = 0.0


def _levels() -> tuple[Level, ...]:
    worn = [Level(contrast=1.0 - 0.05 * k, blur=0.15 + 0.12 * k, noise=0.015 + 0.01 * k) for k in range(1, 6)]
    spoilt = [Level(contrast=0.10 - 0.02 * k, blur=3.0 + 0.5 * k, noise=0.5 + 0.1 * k) for k in range(4)]
    return (Level(), *worn, *spoilt)


LEVELS: tuple[Level, ...] = _levels()
"""The levels: 0 is clean; 1 to 5 get worse in equal steps, as a camera that wears; 6 to 9, in equal steps too, show
hardly anything. Each is worse than the one before in all three strengths.

The two straight lines were chosen so that scikit-learn's random forest with its usual settings, trained on MNIST's
training part, has about the accuracies of a published table: 97, 84, 76, 71, 63 and 62 % at levels 0 to 5, and no more
than chance from 6 on. `docs/images.md` says how, and what other forests make of the levels.
"""

MAX_LEVEL = len(LEVELS) - 1


@dataclass(slots=True)
class Corruptor:
    """Makes images worse; the result for an image does not depend on which others come with it.

    Parameters
    ----------
    seed : int
        Of the noise; each image of a replay has noise of its own, the same one at all levels.
    corruption : {'all', 'noise', 'blur', 'contrast'}
        One of the three, or all.

    Notes
    -----
    Cost: about 30 µs an image of 28 by 28 pixels, half of it for drawing the noise; nothing at level 0.

    Examples
    --------
    >>> image = np.full((1, 28, 28), 200, dtype=np.uint8)
    >>> Corruptor(seed=0, corruption="contrast").apply(image, 0, np.array([4]))[0, 0, 0]
    np.uint8(160)
    """

    seed: int = 0
    corruption: Corruption = "all"
    _drawn: tuple[int, Floats] | None = field(default=None, repr=False)

    def apply(self, images: Pixels, first: int, levels: IntArray) -> Pixels:
        """Return the images, worse.

        Parameters
        ----------
        images : ndarray of uint8 (n, h, w)
        first : int
            Number of the first image in the replay; the others follow it.
        levels : ndarray of int (n,)
            0 to 9 for each image.

        Returns
        -------
        ndarray of uint8 (n, h, w)
            Those of level 0 are as they were.
        """
        out = images.copy()
        for level in np.unique(levels[levels > 0]).tolist():
            rows = np.flatnonzero(levels == level)
            out[rows] = self._worse(images[rows], first + rows, self._strength(level))
        return out

    def _strength(self, level: int) -> Level:
        full = LEVELS[level]
        if self.corruption == "all":
            return full
        return Level(**{self.corruption: getattr(full, self.corruption)})

    def _worse(self, images: Pixels, numbers: IntArray, level: Level) -> Pixels:
        grey = images.astype(np.float32) * np.float32(level.contrast)
        if level.blur:
            from scipy import ndimage  # noqa: PLC0415  a replay of anything else does not wait for it

            for axis in (1, 2):
                grey = ndimage.gaussian_filter1d(grey, level.blur, axis=axis, mode="nearest")
        if level.noise:
            grey += self._noise(numbers, images.shape[1:]) * np.float32(level.noise * 255.0)
        worse: Pixels = np.clip(np.rint(grey), 0.0, 255.0).astype(np.uint8)
        return worse

    def _noise(self, numbers: IntArray, shape: Sequence[int]) -> Floats:
        """Return the noise of images by their numbers, drawn by blocks that are aligned to the numbers."""
        noise = np.empty((len(numbers), *shape), dtype=np.float32)
        blocks = numbers // _BLOCK
        for block in np.unique(blocks).tolist():
            rows = np.flatnonzero(blocks == block)
            if self._drawn is None or self._drawn[0] != block:
                rng = np.random.default_rng([self.seed, block])
                self._drawn = block, rng.standard_normal((_BLOCK, *shape), dtype=np.float32)
            noise[rows] = self._drawn[1][numbers[rows] % _BLOCK]
        return noise
