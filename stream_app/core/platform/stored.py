"""Checked reading of stored states: compiled steps trust shapes and places, so that nothing forged may reach them."""

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.errors import StateError

__all__ = [
    "damaged",
    "expect",
    "finite",
    "sparse",
    "stored_array",
    "stored_count",
    "stored_number",
    "stored_records",
    "stored_sparse",
]

_MOST = 2**53
"""Counts are below, so that they can be added to and stored again."""


def damaged(what: str) -> NoReturn:
    """Raise a `StateError` that names what is damaged."""
    raise StateError(f"the stored {what} are damaged; start the source anew")


def expect(sound: bool | np.bool_, what: str) -> None:  # noqa: FBT001 - a condition
    """Raise a `StateError` where something does not hold.

    Examples
    --------
    >>> expect(1 > 2, "ends")
    Traceback (most recent call last):
    stream_app.errors.StateError: the stored ends are damaged; start the source anew
    """
    if not sound:
        damaged(what)


def stored_count(value: Any, what: str, most: int = _MOST) -> int:
    """Return a whole number from 0 to `most`; raises a `StateError` where it is none.

    Examples
    --------
    >>> stored_count(3, "windows")
    3
    """
    expect(isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most, what)
    return int(value)


def stored_number(value: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a finite number between two; raises a `StateError` where it is none.

    Examples
    --------
    >>> stored_number(0.5, "widths", low=0.0)
    0.5
    """
    expect(isinstance(value, int | float) and math.isfinite(value) and low <= value <= high, what)
    return float(value)


def stored_array(
    value: Any,
    shape: Sequence[int | None],
    what: str,
    *,
    dtype: npt.DTypeLike = np.float64,
    low: float = -math.inf,
    high: float = math.inf,
    unknown: bool = False,
) -> npt.NDArray[Any]:
    """Return a copy of an array of numbers; raises a `StateError` where it is none, or another.

    Parameters
    ----------
    value : ndarray
        As it was stored.
    shape : sequence of int or None
        Its lengths; None of those that may be any.
    what : str
        What it holds, named in errors.
    dtype : dtype
        Its type.
    low, high : float
        Its numbers are finite and between these.
    unknown : bool
        Whether some may be NaN.

    Examples
    --------
    >>> stored_array(np.zeros((2, 3)), (None, 3), "scores").shape
    (2, 3)
    >>> stored_array(np.zeros(3), (2,), "scores")
    Traceback (most recent call last):
    stream_app.errors.StateError: the stored scores are damaged; start the source anew
    """
    expect(isinstance(value, np.ndarray) and value.dtype == np.dtype(dtype), what)
    expect(len(value.shape) == len(shape), what)
    expect(all(want is None or have == want for have, want in zip(value.shape, shape, strict=True)), what)
    sound: BoolArray = (value >= low) & (value <= high) & np.isfinite(value)
    if unknown:
        sound |= np.isnan(value)
    expect(sound.all(), what)
    return np.array(value, order="C")


def sparse(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return an array of which most is 0, to be stored: where it is not, and what is there.

    Examples
    --------
    >>> kept = sparse(np.array([[0.0, 0.5], [0.0, 0.0]]))
    >>> kept["values"].tolist(), stored_sparse(kept, (2, 2), "counts", dtype=np.float64).tolist()
    ([0.5], [[0.0, 0.5], [0.0, 0.0]])
    """
    there = array != 0
    return {"there": np.packbits(there), "values": array[there]}


def stored_sparse(
    value: Any,
    shape: tuple[int, ...],
    what: str,
    *,
    dtype: npt.DTypeLike,
    low: float = -math.inf,
    high: float = math.inf,
) -> npt.NDArray[Any]:
    """Return what `sparse` was given; raises a `StateError` where it is damaged. For its parameters see `stored_array`."""
    size = math.prod(shape)
    bits = stored_array(value["there"], (-(-size // 8),), what, dtype=np.uint8)
    there = np.unpackbits(bits, count=size).astype(np.bool_).reshape(shape)
    array = np.zeros(shape, dtype)
    array[there] = stored_array(value["values"], (int(there.sum()),), what, dtype=dtype, low=low, high=high)
    return array


def stored_records(value: Any, dtype: np.dtype[Any], what: str) -> npt.NDArray[Any]:
    """Return records from their bytes; raises a `StateError` where these are none."""
    expect(isinstance(value, bytes) and len(value) % dtype.itemsize == 0, what)
    return np.frombuffer(value, dtype).copy()


def finite(*columns: FloatArray) -> bool:
    """Whether all numbers of some arrays are finite."""
    return all(bool(np.isfinite(column).all()) for column in columns)
