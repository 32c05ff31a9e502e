"""The event time that a model has reached, robust against single events with a wrong time.

Predictions and labels have a watermark each (`stream_app.core.watermark`): labels may be as old as they like, so they say
nothing about the time of predictions. The time of the model is that of the newer one. It tells how long predictions wait for
their labels, and whether the model was away.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.kernel import kernel
from stream_app.core.watermark import AGREEING, ON_TIME, RETURNED, WATERMARK, fresh_watermark, watermark_step

__all__ = ["compile_clocks", "follow", "fresh_clocks", "model_time", "pack_clocks", "unpack_clocks"]

_PREDICTIONS, _LABELS = 0, 1


def fresh_clocks() -> npt.NDArray[Any]:
    """Return the clocks of a model without events, shape (2,): of its predictions, and of its labels."""
    return np.stack([fresh_watermark(), fresh_watermark()])


def pack_clocks(clocks: npt.NDArray[Any]) -> list[list[float | None]]:
    """Return clocks as plain values, for `unpack_clocks`; None stands for NaN, which equals nothing."""
    return [[None if np.isnan(value) else value for value in clock] for clock in clocks.tolist()]


def unpack_clocks(packed: Sequence[Sequence[float | None]]) -> npt.NDArray[Any]:
    """Restore clocks from `pack_clocks`.

    Raises
    ------
    ValueError, TypeError
        If they are something else.
    """
    clocks = [tuple(np.nan if value is None else value for value in clock) for clock in packed]
    if len(clocks) != len(fresh_clocks()):
        raise ValueError(f"{len(clocks)} clocks")
    return np.array(clocks, dtype=WATERMARK)


@kernel
def model_time(clocks: Any) -> float:
    """Return the newest time of predictions and labels; -inf before the first. A few labels do not move it yet."""
    predicted, labelled = clocks[_PREDICTIONS]["newest"], clocks[_LABELS]["newest"]
    if predicted == -np.inf:
        return float(labelled)
    return float(max(predicted, labelled) if clocks[_LABELS]["supporting"] >= AGREEING else predicted)


@kernel
def follow(
    clocks: Any,
    lateness: float,
    absence: float,
    ts: FloatArray,
    record_ts: FloatArray,
    only_label: BoolArray,
    codes: IntArray,
    times: FloatArray,
) -> int:
    """Take the times of events, in their order, up to one before which the model was away.

    Parameters
    ----------
    clocks : array of WATERMARK, shape (2,)
        Of the model.
    lateness : float
        Seconds that a prediction may be older than the watermark.
    absence : float
        Seconds without events after which a model counts as returned.
    ts, record_ts : arrays, shape (n,)
        Times of the events and of their records, in epoch seconds.
    only_label : array, shape (n,)
        Whether an event is a label on its own. None is ever late or ahead; one that would be leaves the time where it is.
    codes : array, shape (n,)
        What is not `ON_TIME` is left out; gets what becomes of the others.
    times : array, shape (n,)
        Gets the time of the model after each event.

    Returns
    -------
    int
        Events taken.
    """
    for i in range(len(ts)):
        before = model_time(clocks)
        if codes[i] == ON_TIME:
            code = watermark_step(
                clocks[_LABELS if only_label[i] else _PREDICTIONS], lateness, np.inf, ts[i], record_ts[i]
            )
            if code == ON_TIME and ts[i] - before > absence and before > -np.inf:
                codes[i] = RETURNED
                return i
            codes[i] = ON_TIME if only_label[i] else code
        times[i] = model_time(clocks)
    return len(ts)


def compile_clocks() -> None:
    """Load the machine code of the clocks, or compile what is not on disk, which takes a few seconds."""
    one = np.zeros(1)
    follow(
        fresh_clocks(),
        0.0,
        0.0,
        one,
        one,
        np.zeros(1, dtype=np.bool_),
        np.zeros(1, dtype=np.int64),
        one.copy(),
    )
