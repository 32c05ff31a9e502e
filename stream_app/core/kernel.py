"""Kernels: plain functions of one event and one record, compiled once and cached on disk.

A detector of the bank is written as the formula in its paper: a function that takes the record of a source or of
a channel (an element of a numpy structured array) and the values of one event, and changes the record in place. numba
compiles it. Its plain form, ``function.py_func``, does the same in Python and is the twin that tests compare with.

Rules that keep kernels equal everywhere:

- A record's fields are read and written by name: ``record["mean"]``. Its layout does not depend on the number of
  channels, so one compiled kernel serves all.
- A result depends on the record and the event, never on what is beside them in a batch.
- No ``fastmath``: sums keep their order.
- A step allocates nothing: see `kernel`.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba.core.dispatcher import Dispatcher

from stream_app.core.kernel_cache import KernelCache

__all__ = [
    "SIGNAL",
    "Counter",
    "allocating_kernel",
    "contributions",
    "drain",
    "emit",
    "kernel",
    "signal_buffer",
]

F = TypeVar("F", bound=Callable[..., Any])

_BLAMED = 3
_FIGURES = 6

SIGNAL = np.dtype(
    [
        ("row", np.int64),  # of the event in the batch
        ("detector", np.int16),  # number of the detector, see each detector's names
        ("channel", np.int16),  # column; -1 is the whole source
        ("ended", np.bool_),  # whether the condition is over
        ("statistic", np.float64),
        ("threshold", np.float64),
        ("blamed", np.int16, (_BLAMED,)),  # channels with the largest shares, -1 where there is none
        ("share", np.float32, (_BLAMED,)),
        (
            "figures",
            np.float64,
            (_FIGURES,),
        ),  # what they mean is the detector's to say; NaN where there is none
    ],
    align=True,
)
"""What a kernel saw at one event."""

Counter = npt.NDArray[np.int64]
"""How many signals are in a buffer, shape (1,)."""


def kernel(function: F) -> F:
    """Compile a function when it is called first, and keep the machine code on disk, see `kernel_cache`.

    It allocates no array and returns none. So it counts no references either, which would cost as much as what a step does: its
    caller holds what it is handed.
    """
    return _compiled(function, _nrt=False)


def allocating_kernel(function: F) -> F:
    """Compile a function as `kernel` does; it may allocate arrays to work with."""
    return _compiled(function)


def _compiled(function: F, **options: bool) -> F:
    # numba's types do not know the option: nothing calls a kernel from C.
    compiled: Any = numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True, **options)(function)  # type: ignore[call-overload]
    # With numba's own switch for debugging there is nothing compiled.
    if isinstance(compiled, Dispatcher):
        vars(compiled)["_cache"] = KernelCache(function)  # type: ignore[no-untyped-call] # numba has no other way to another cache
    return cast(F, compiled)


@kernel
def emit(
    signals: npt.NDArray[Any],
    count: Counter,
    row: int,
    detector: int,
    channel: int,
    ended: bool,  # noqa: FBT001 a kernel takes no keywords
    statistic: float,
    threshold: float,
) -> Any:
    """Add a signal to a buffer that has room for it, and return it, to be given blame and figures."""
    # Callers keep room; a forged record, which may say anything, shall not write beyond it.
    place = min(count[0], len(signals) - 1)
    signal = signals[place]
    count[0] = place + 1
    signal["row"] = row
    signal["detector"] = detector
    signal["channel"] = channel
    signal["ended"] = ended
    signal["statistic"] = statistic
    signal["threshold"] = threshold
    signal["blamed"][:] = -1
    signal["share"][:] = 0.0
    signal["figures"][:] = np.nan
    return signal


def contributions(signal: Any, channels: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the channels to blame for a signal with their shares, which sum to one, largest first."""
    blamed = [(int(j), float(share)) for j, share in zip(signal["blamed"], signal["share"], strict=True)]
    blamed = [(j, share) for j, share in blamed if 0 <= j < len(channels)]
    total = sum(share for _, share in blamed)
    return tuple((channels[j], share / total) for j, share in blamed) if total > 0.0 else ()


def signal_buffer(size: int) -> tuple[npt.NDArray[Any], Counter]:
    """Make an empty buffer for `size` signals, and its counter."""
    return np.zeros(size, dtype=SIGNAL), np.zeros(1, dtype=np.int64)


def drain(buffer: tuple[npt.NDArray[Any], Counter]) -> npt.NDArray[Any]:
    """Return the signals in a buffer, and empty it; they are valid until a kernel fills it again."""
    signals, count = buffer
    found = signals[: count[0]]
    count[0] = 0
    return found
