"""What the state of a source's quality holds of its channels, in few arrays.

To store and restore an array costs more than the few numbers of all channels that are in it. So fields of one type
share an array of shape (fields, channels), in the order of their names here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.quality.absence import Absences
from stream_app.core.quality.checks import CHECKS, WINDOWS, ChannelChecks
from stream_app.core.quality.habits import HabitColumns
from stream_app.core.quality.learners import Learners
from stream_app.core.quality.options import QualityOptions
from stream_app.core.quality.runs import StuckRuns
from stream_app.core.quality.trailing import TrailingCount

__all__ = ["channel_columns", "restore_columns"]

_NUMBERS = ("low", "high", "scale", "origin", "last", "since")
"""Learned limits, the learners' origins, the newest value of each channel and since when it has been there."""

_COUNTS = (
    "missing_begin", "missing_end", "stuck", "gone", "rows", "observed", "sampled", "length", "longest", "absent",
    *WINDOWS,
)  # fmt: skip
"""Learned bounds, the learners' counts and sizes of samples, runs of equal and of missing values, bad values."""


def channel_columns(learners: Learners, checks: ChannelChecks) -> dict[str, Any]:
    """Give what is known of the channels as plain data.

    Parameters
    ----------
    learners : Learners
    checks : ChannelChecks

    Returns
    -------
    dict
        ``numbers``, ``counts`` and ``flags`` (fields by channels; flags are the alarms of `CHECKS`), ``history`` (flags
        of the last rows, of the checks that saw something bad in them) and ``sample`` (the learners' samples one after
        the other).
    """
    habits, runs, absences = learners.habits, checks.runs, checks.absences
    sample, sampled = learners.sample()
    numbers = [habits.low, habits.high, habits.scale, learners.origin, runs.last, runs.since]
    counts = [
        *(habits.missing_begin, habits.missing_end, habits.stuck, habits.gone),
        *(learners.rows, learners.observed, sampled, runs.length, runs.longest, absences.length),
        *checks.counts.values(),
    ]
    trailing = checks.trailing
    flags = [*(count.active for count in trailing.values()), runs.active, absences.gone]
    return {
        "numbers": np.array(numbers, dtype=np.float64),
        "counts": np.array(counts, dtype=np.int64),
        "flags": np.array(flags, dtype=np.bool_),
        "history": {name: count.history for name, count in trailing.items() if count.history is not None},
        "sample": sample,
    }


def restore_columns(
    state: Mapping[str, Any], options: QualityOptions, declared: FloatArray
) -> tuple[Learners, ChannelChecks]:
    """Rebuild from what `channel_columns` gave.

    Parameters
    ----------
    state : mapping
        With its entries.
    options : QualityOptions
        Levels and windows.
    declared : ndarray, shape (2, d)
        Declared limits.

    Returns
    -------
    tuple of Learners, ChannelChecks

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is damaged.
    """
    columns = declared.shape[1]
    # Each table is copied as a whole; its rows then belong to those who write into them.
    low, high, scale, origin, last, since = _table(state["numbers"], np.float64, (len(_NUMBERS), columns))
    counts = _table(state["counts"], np.int64, (len(_COUNTS), columns))
    flags = _table(state["flags"], np.bool_, (len(CHECKS), columns))
    learners = Learners(options, HabitColumns(low, high, scale, *counts[:4]))
    learners.origin = origin
    learners.rows, learners.observed, sampled = counts[4:7].tolist()
    learners.put_sample(np.array(state["sample"]), sampled)
    *alarms, stuck, gone = flags
    trailing = {}
    for (name, window), active in zip(WINDOWS.items(), alarms, strict=True):
        history = state["history"].get(name)
        length = getattr(options, window)
        if history is not None:
            history = _table(history, np.bool_, (length, columns))
        trailing[name] = TrailingCount.restored(length, history, active)
    length, longest, absent = counts[7:10]
    return learners, ChannelChecks(
        options,
        learners.habits,
        declared=declared,
        trailing=trailing,
        runs=StuckRuns.restored(last, since, length, longest, stuck),
        absences=Absences.restored(absent, gone),
        counts=dict(zip(WINDOWS, counts[10:], strict=True)),
    )


def _table(values: Any, kind: type, shape: tuple[int, int]) -> npt.NDArray[Any]:
    table: npt.NDArray[Any] = np.array(values, dtype=kind)
    if table.shape != shape:
        raise ValueError(f"a table of shape {table.shape} instead of {shape}")
    return table
