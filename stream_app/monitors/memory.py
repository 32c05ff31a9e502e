"""How much memory a source takes: in a worker, worked out of a few, and in Redis, by a model of what it allocates."""

from collections import deque
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Protocol

import numpy as np

__all__ = ["SizeSample", "bytes_of", "events_that_fit", "excess_of", "fair_share", "stored_bytes"]

_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""What sources have in common and no source takes memory for."""

_EVERY = 256
"""Deliveries from one measurement to the next: a source of many objects takes a millisecond, one of hundreds of River's
detectors a tenth of a second."""

_WEIGHT = 0.25
"""Of the newest source in the mean."""


def bytes_of(*objects: Any) -> int:
    """Return the bytes that objects take with all they refer to, each counted once; settings, types and code are not.

    Examples
    --------
    >>> shared = np.zeros(1000)
    >>> 8000 < bytes_of([shared, shared]) < 8500
    True
    """
    seen: set[int] = set()
    left = deque(objects)
    total = 0
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, _SHARED) or hasattr(type(one), "model_fields"):
            continue
        seen.add(id(one))
        total += one.__sizeof__()
        if isinstance(one, np.ndarray):
            # A view's memory is that of its base.
            if one.base is not None:
                left.append(one.base)
        elif isinstance(one, dict):
            left.extend(one)
            left.extend(one.values())
        elif isinstance(one, list | tuple | set | frozenset | deque):
            left.extend(one)
        else:
            left.extend(vars(one).values() if hasattr(one, "__dict__") else ())
            for kind in type(one).__mro__:
                slots = getattr(kind, "__slots__", ())
                names = (slots,) if isinstance(slots, str) else slots
                left.extend(getattr(one, name) for name in names if hasattr(one, name))
    return total


def stored_bytes(state: int, *, features: int, history: int = 0) -> int:
    """Return the memory that a source takes in Redis, in bytes: it follows from the source alone, so that all workers agree.

    Within 4 % of what Redis 7.0 with its defaults (jemalloc) says of sensors and images with 1 to 64 channels.

    Parameters
    ----------
    state : int
        Bytes of its state.
    features : int
        Number of its live features.
    history : int
        Bytes of its history.

    Examples
    --------
    >>> stored_bytes(23_872, features=93)  # eight channels; measured: 28,487
    29261
    """
    allocated = _allocated(state + _PACKING) + (_allocated(history) + _KEY if history else 0)
    feature = _FEATURE if features <= _MOST_IN_LISTPACK else _FEATURE_IN_TABLE
    return allocated + features * feature + _ENTRIES


def _allocated(size: int) -> int:
    # jemalloc has four sizes between two powers of two.
    step = 1 << (size.bit_length() - 3)
    return -(-size // step) * step


_PACKING = 150
"""Bytes around the record in a packed state."""
_ENTRIES = 500
"""Bytes of a source's name in the hashes of states and times and in the set of entities, and of the hash of its features."""
_KEY = 150
"""Bytes of the key of a history, beside its name in the others."""
_MOST_IN_LISTPACK, _FEATURE, _FEATURE_IN_TABLE = 512, 45, 95
"""Redis keeps a small hash as a list; bytes of a field with its value in one and the other."""


class Held(Protocol):
    """Sources that are in memory."""

    def __contains__(self, source: str, /) -> bool: ...


class SizeSample:
    """The mean size of a source, from one source of some deliveries: the first, second, fourth, and so on.

    Examples
    --------
    >>> sample = SizeSample()
    >>> sample.due()
    True
    >>> sample.add(1000)
    >>> sample.add(2000)
    >>> sample.mean
    1250.0
    """

    def __init__(self) -> None:
        self.mean = 0.0
        """Bytes a source; 0 where none was measured."""
        self._deliveries = 0

    def due(self) -> bool:
        """Count a delivery, and return whether a source of it is to be measured."""
        self._deliveries += 1
        return self._deliveries.bit_count() == 1 or not self._deliveries % _EVERY

    def add(self, size: int) -> None:
        """Take the size of a source in bytes."""
        self.mean = size if not self.mean else self.mean + _WEIGHT * (size - self.mean)


def excess_of(held: int, size: float, most: int) -> int:
    """Return how many of some sources have to leave memory until the rest takes `most` bytes; one stays.

    A quarter more than is needed leaves at once, so that it is not due again with the next source.

    Examples
    --------
    >>> excess_of(10, 100.0, 1000), excess_of(11, 100.0, 1000), excess_of(1, 100.0, 10)
    (0, 4, 0)
    """
    return held - max(1, int(0.75 * most / size)) if held > 1 and held * size > most else 0


def events_that_fit(names: Sequence[str], held: Held, size: float, room: int) -> int:
    """Return how many events at the front have no more new sources than fit into `room` bytes; one always does.

    Parameters
    ----------
    names : sequence of str
        Source of each event.
    held : Held
        Sources that are in memory.
    size : float
        Bytes of a source.
    room : int
        Bytes.

    Examples
    --------
    >>> events_that_fit(["a", "b", "a", "c", "d"], {"b"}, 100.0, 250)
    4
    """
    most = max(1, int(room / size)) if size else len(names)
    if len(names) <= most or len(set(names)) <= most:
        return len(names)
    new: set[str] = set()
    for place, name in enumerate(names):
        if name not in held:
            new.add(name)
            if len(new) > most:
                return place
    return len(names)


def fair_share(sizes: Sequence[int], most: int) -> int:
    """Return what each of some may take of a number of bytes: what those do not need that are smaller, the others may have.

    Examples
    --------
    >>> fair_share([10, 100, 100], 120)
    55
    """
    left = share = most
    for first, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - first)
        if size > share:
            break
        left -= size
    return share
