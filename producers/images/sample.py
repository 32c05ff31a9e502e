"""The small sample of real digits that scikit-learn brings along."""

import numpy as np

from producers.batch import as_labels
from producers.images.collection import Collection
from producers.images.extra import needed

__all__ = ["sample_digits"]

_FACTOR = 3
_MARGIN = 2


def sample_digits() -> Collection:
    """Return 1,797 handwritten digits of 43 people, enlarged from 8 by 8 to 28 by 28 pixels.

    They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998,
    doi 10.24432/C50P49, CC BY 4.0): three times as large, linearly between pixels, with a margin of two pixels.
    """
    from scipy import ndimage  # noqa: PLC0415  as for corruptions

    digits = needed("sklearn.datasets").load_digits()
    small = np.asarray(digits.images, dtype=np.float64) / 16.0
    large = ndimage.zoom(small, (1, _FACTOR, _FACTOR), order=1)
    framed = np.pad(large, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    return Collection(np.rint(framed * 255.0).astype(np.uint8), as_labels([str(d) for d in digits.target]))
