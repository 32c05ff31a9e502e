"""The bank: records of many sources in arrays, one slot per source."""

import hashlib
import math
import mmap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.errors import StateError

__all__ = ["Bank", "Field", "Layout"]

_FIRST_SLOTS = 1
_OWN_PAGES = 1 << 20  # bytes

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One array of a bank.

    Parameters
    ----------
    dtype : numpy.dtype
        Of an element; structured, or a plain number.
    shape : tuple of int
        Elements that each source has; ``()`` for one record.
    initial : scalar, optional
        What each element begins as; zero bytes by default.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    initial: Any = None


Layout: TypeAlias = Mapping[str, Field]
"""The arrays of a bank by name, such as ``{"quality.channel": Field(CHANNEL, (8,))}``."""


class Bank:
    """Records of sources that have the same channels and settings.

    Kernels take the arrays (`arrays`) and the slots of the events' sources. What is known of a source is the bytes of
    its records, so that a checkpoint, a restore and an eviction are copies.

    Parameters
    ----------
    layout : mapping of str to Field
        Name, type and shape per source of each array.

    Examples
    --------
    >>> bank = Bank({"count": Field(np.dtype(np.int64)), "last": Field(np.dtype(np.float64), (2,), np.nan)})
    >>> slot = bank.add("pump-1")
    >>> bank["last"][slot] = 1.0, 2.0
    >>> other = Bank(bank.layout)
    >>> _ = other.restore("pump-1", bank.record("pump-1"))
    >>> other["last"][other.slot("pump-1")]
    array([1., 2.])
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = dict(layout)
        self.fingerprint = _fingerprint(self.layout)
        """Names the layout: records of one bank fit another if these are equal."""
        self.arrays = {name: _array(_FIRST_SLOTS, field) for name, field in self.layout.items()}
        self._fresh = {name: _bytes(_fresh(field))[0] for name, field in self.layout.items()}
        self.record_size: int = sum(array[0].nbytes for array in self.arrays.values())
        """Bytes of a source."""
        self._room = _FIRST_SLOTS
        self._slots: dict[str, int] = {}
        self._free: list[int] = []

    def __getitem__(self, name: str) -> Array:
        """Return an array, shape (slots, …); valid until the next source is added."""
        return self.arrays[name]

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, source: str) -> bool:
        return source in self._slots

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def slot(self, source: str) -> int:
        """Return the slot of a source that is there."""
        return self._slots[source]

    def add(self, source: str) -> int:
        """Give a source that is not there a slot with fresh records."""
        slot = self._free.pop() if self._free else len(self._slots)
        if slot == self._room:
            self._grow()
        self._slots[source] = slot
        self.reset(slot)
        return slot

    def begin_as(self, source: str, names: Iterable[str]) -> None:
        """Let some records of sources that are added from now on begin as those that a source has now."""
        slot = self._slots[source]
        for name in names:
            self._fresh[name] = _bytes(self.arrays[name])[slot].copy()

    def begin_again(self, source: str, names: Iterable[str]) -> None:
        """Give a source fresh records of some names, and leave it the others."""
        slot = self._slots[source]
        for name in names:
            _bytes(self.arrays[name])[slot] = self._fresh[name]

    def reset(self, slot: int) -> None:
        """Give a slot fresh records."""
        for name, fresh in self._fresh.items():
            _bytes(self.arrays[name])[slot] = fresh

    def _grow(self) -> None:
        self._room = 2 * self._room if self._room < 1024 else self._room + self._room // 4
        for name, array in self.arrays.items():
            # Zeros are not touched: what nobody uses yet takes no memory.
            self.arrays[name] = _array(self._room, self.layout[name])
            _bytes(self.arrays[name])[: len(array)] = _bytes(array)

    def remove(self, source: str) -> None:
        """Drop a source."""
        self._free.append(self._slots.pop(source))

    def record(self, source: str) -> bytes:
        """Return all that is known of a source."""
        slot = self._slots[source]
        return b"".join([array[slot].tobytes() for array in self.arrays.values()])

    def restore(self, source: str, record: bytes) -> int:
        """Put a source back where `record` was taken, and return its slot.

        Raises
        ------
        StateError
            If the record has not the size of this bank's.
        """
        if len(record) != self.record_size:
            raise StateError(
                f"the record of {source} has {len(record)} bytes, this program's have {self.record_size}; "
                "was it written by another version?"
            )
        stored = np.frombuffer(record, np.uint8)
        slot = self._slots[source] if source in self._slots else self.add(source)
        start = 0
        for array in self.arrays.values():
            place = _bytes(array)[slot]
            place[:] = stored[start : start + len(place)]
            start += len(place)
        return slot


def _array(slots: int, field: Field) -> Array:
    shape = (slots, *field.shape)
    size = math.prod(shape) * field.dtype.itemsize
    if size < _OWN_PAGES:
        return np.zeros(shape, field.dtype)
    # In pages of its own, which the system has back when the array has grown: else the heap would keep them.
    return np.frombuffer(mmap.mmap(-1, size), field.dtype).reshape(shape)


def _fresh(field: Field) -> Array:
    array = _array(1, field)
    if field.initial is not None:
        array[:] = field.initial
    return array


def _bytes(array: Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of each slot, with those between fields, which numpy leaves out when it copies records."""
    return array.reshape(len(array), -1).view(np.uint8)


def _fingerprint(layout: Layout) -> str:
    lines = [f"{name} {field.dtype!r} {field.shape}" for name, field in layout.items()]
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
