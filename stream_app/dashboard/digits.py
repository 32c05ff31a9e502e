"""Pictures of digits, clean and degraded."""

import base64
import io
from functools import cache
from typing import Any

import numpy as np

from producers.images import Corruptor
from producers.images.extra import needed
from producers.images.find import sample_digits

__all__ = ["digits"]

_SHOWN = 8


@cache
def _sample() -> Any:
    """Return one image of each of some digits, shape (n, 28, 28)."""
    found = sample_digits()
    labels = list(found.labels)
    return found.pixels[[labels.index(str(digit)) for digit in range(1, _SHOWN + 1)]]


def digits(level: int, number: int) -> list[tuple[str, str]]:
    """Return some digits of the sample as they are, and as a camera sends them.

    Parameters
    ----------
    level : int
        How degraded, 0 to 9.
    number : int
        Of the newest image: each has noise of its own.

    Returns
    -------
    list of (str, str)
        Clean and degraded, as addresses that hold the pictures themselves (PNG).

    Raises
    ------
    MissingExtraError
        Without the extra ``images``.
    """
    clean = _sample()
    worse = Corruptor().apply(clean, number, np.full(len(clean), level))
    return [(_png(one), _png(other)) for one, other in zip(clean, worse, strict=True)]


def _png(pixels: Any) -> str:
    file = io.BytesIO()
    needed("PIL.Image").fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
