"""Intake: which readings are counted, one event and one record at a time.

The checks, in their order, are the stated policy:

1. future: a reading more than `max_future` after its record's own time is refused, because one such event
   would make every honest one after it late;
2. absence: one that comes more than `source_ttl` after all before it starts its source cold;
3. late: a reading more than `lateness` older than the newest one of its source is refused;
4. duplicate: a reading with the id of an earlier one, or without an id with the same time and the same values,
   is refused; a null is no value. The newest `MEMORY` counted ones are remembered, by a hash of 64 bits each.

That a reading names the right channels is seen to before (see `monitor`).
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.bank import Field, Layout
from stream_app.core.kernel import kernel
from stream_app.events import Reason
from stream_app.monitors.base import Refusal

__all__ = [
    "ABSENT",
    "COUNTED",
    "INTAKE",
    "MEMORY",
    "intake_layout",
    "intake_options",
    "intake_step",
    "marks_of",
    "refusal",
]

MEMORY = 128
"""Readings of a source that are remembered to recognise duplicates."""

COUNTED, FUTURE, LATE, DUPLICATE, ABSENT = range(5)
"""What becomes of a reading. Before one of an absent source the caller starts the source anew, and asks again."""

INTAKE = np.dtype(
    [
        ("newest", np.float64),  # time of the newest reading that was counted
        ("latest", np.float64),  # of all but those from the future, refused ones too
        ("events", np.int64),  # counted so far
        ("remembered", np.int64),  # marks that were written so far
        ("marks", np.uint64, (MEMORY,)),
    ],
    align=True,
)

OPTIONS = np.dtype([("lateness", np.float64), ("max_future", np.float64), ("source_ttl", np.float64)])

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_ONE = np.uint64(1)


def intake_layout() -> Layout:
    """Return the arrays of the intake."""
    fresh = np.zeros((), INTAKE)
    fresh["newest"] = fresh["latest"] = -np.inf
    return {"intake": Field(INTAKE, initial=fresh)}


def intake_options(*, lateness: float, max_future: float, source_ttl: float) -> npt.NDArray[Any]:
    """Return the settings as a record: seconds, see above."""
    return np.array([(lateness, max_future, source_ttl)], dtype=OPTIONS)


@kernel
def _mix(bits: np.uint64) -> np.uint64:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014)."""
    bits ^= bits >> _S30
    bits *= _FIRST
    bits ^= bits >> _S27
    bits *= _SECOND
    return bits ^ (bits >> _S31)


@kernel
def _mark(
    ts: float, values: FloatArray, cell: npt.NDArray[np.float64], bits: npt.NDArray[np.uint64]
) -> np.uint64:
    """Hash a time and values: a sum over cells salted by their columns, so that a channel learned later changes nothing."""
    cell[0] = ts + 0.0  # + 0.0 makes 0.0 of -0.0
    mark = _mix(bits[0])
    for j in range(len(values)):
        value = values[j]
        if not np.isnan(value):
            cell[0] = value + 0.0
            mark += _mix(bits[0] + np.uint64(j + 1) * _GOLDEN)
    return mark | _ONE


@kernel
def intake_step(
    record: Any,
    options: Any,
    ts: float,
    record_ts: float,
    given: np.uint64,
    values: FloatArray,
    cell: FloatArray,
    bits: npt.NDArray[np.uint64],
) -> int:
    """Judge a reading and, if it is counted, remember it.

    Parameters
    ----------
    record : INTAKE
        Of the source.
    options : OPTIONS
        Settings.
    ts, record_ts : float
        Times of the event and of its record, in epoch seconds.
    given : uint64
        Mark of the producer's id; 0 where there is none.
    values : array, shape (d,)
        The reading; NaN is none.
    cell, bits : arrays, shape (1,)
        Views of the same eight bytes, to work with.

    Returns
    -------
    int
        One of the codes above.
    """
    if ts > record_ts + options["max_future"]:
        return FUTURE
    if ts - record["latest"] > options["source_ttl"] and record["latest"] != -np.inf:
        return ABSENT
    record["latest"] = max(record["latest"], ts)
    if ts < record["newest"] - options["lateness"]:
        return LATE
    mark = given if given != 0 else _mark(ts, values, cell, bits)
    marks = record["marks"]
    # Without an id, what is newer than all before repeats none of them.
    if given != 0 or ts <= record["newest"]:
        for i in range(min(record["remembered"], MEMORY)):
            if marks[i] == mark:
                return DUPLICATE
    marks[record["remembered"] % MEMORY] = mark
    record["remembered"] += 1
    record["newest"] = max(record["newest"], ts)
    record["events"] += 1
    return COUNTED


def marks_of(ids: Sequence[str | None], count: int) -> npt.NDArray[np.uint64]:
    """Return a mark for each id, 0 where there is none; `count` of them where there are no ids at all."""
    marks = np.zeros(count, dtype=np.uint64)
    for row, name in enumerate(ids):
        if name is not None:
            digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            marks[row] = int.from_bytes(digest, "little") | 1
    return marks


def refusal(code: int, offset: int, ts: float, record_ts: float, newest: float) -> Refusal:
    """Say why a reading was refused; `newest` is the time of the newest one that was counted before."""
    if code == FUTURE:
        message = f"ts {ts} is {ts - record_ts:.0f} s after its record's own time"
        return Refusal(offset, Reason.TIMESTAMP, message)
    if code == LATE:
        return Refusal(
            offset, Reason.LATE, f"ts {ts} is {newest - ts:.3f} s older than the newest of this source"
        )
    return Refusal(offset, Reason.DUPLICATE, f"the same reading came before, at ts {ts}")
