"""Intake: which readings count; one event and one record at a time.

The checks, in their order, are the stated policy:

1. future: a reading more than `max_future` after its record's own time is refused;
2. ahead: so is one that is far ahead of its source's watermark, until others agree with it (`stream_app.core.watermark`);
3. absence: one that comes more than `source_ttl` after the watermark starts its source cold;
4. late: a reading more than `lateness` older than the watermark is refused;
5. duplicate: a reading with the id of an earlier one, or without an id with the same time and the same values,
   is refused; a null is no value. The newest `MEMORY` counted ones are remembered, by a hash of 64 bits each.

That a reading names the right channels is seen to before (see `monitor`). A source whose readings are refused for their
times, `MOST_REFUSED` in a row, has a clock that is wrong or a producer that sends old readings: `quality.refused` says so
until a reading is counted.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.bank import Field, Layout
from stream_app.core.kernel import Counter, emit, kernel
from stream_app.core.quality import BEGINS, ENDS, REFUSED, WHOLE
from stream_app.core.watermark import (
    AHEAD,
    LATE,
    ON_TIME,
    RETURNED,
    WATERMARK,
    fresh_watermark,
    watermark_step,
)
from stream_app.monitors.refusals import DUPLICATE, FUTURE, MOST_REFUSED

__all__ = [
    "ABSENT",
    "COUNTED",
    "INTAKE",
    "MEMORY",
    "intake_layout",
    "intake_options",
    "intake_step",
    "marks_of",
    "note_refusals",
]

MEMORY = 128
"""Readings of a source that are remembered to recognise duplicates."""

COUNTED, ABSENT = ON_TIME, RETURNED
"""What becomes of a reading that is not refused. Before one of an absent source the caller starts the source anew, and
asks again."""

INTAKE = np.dtype(
    [
        ("clock", WATERMARK),
        ("events", np.int64),  # counted so far
        ("refused", np.int64),  # for their times, since the newest that was counted
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
    fresh["clock"] = fresh_watermark()
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
        Allowed lateness and future of the stream, seconds.
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
    clock = record["clock"]
    before = clock["newest"]
    code = watermark_step(clock, options["lateness"], options["source_ttl"], ts, record_ts)
    if code != ON_TIME:
        return int(code)
    mark = given if given != 0 else _mark(ts, values, cell, bits)
    marks = record["marks"]
    # Without an id, what is newer than all before repeats none of them.
    if given != 0 or ts <= before:
        for i in range(min(record["remembered"], MEMORY)):
            if marks[i] == mark:
                return DUPLICATE
    marks[record["remembered"] % MEMORY] = mark
    record["remembered"] += 1
    record["events"] += 1
    return COUNTED


@kernel
def note_refusals(
    record: Any, code: int, ts: float, newest: float, row: int, signals: npt.NDArray[Any], count: Counter
) -> None:
    """Count readings that are refused for their times, and tell when there are too many in a row and when that is over.

    Parameters
    ----------
    record : INTAKE
        Of the source.
    code : int
        What became of a reading.
    ts, newest : float
        Its time, and the watermark before it, in epoch seconds.
    row : int
        Place of the event in the delivery.
    signals, count
        Take the signal: its statistic is the number of readings refused, its figures are the seconds by which the reading
        is older than the watermark, and the watermark.
    """
    if code == COUNTED:
        if record["refused"] >= MOST_REFUSED:
            emit(signals, count, row, REFUSED, WHOLE, ENDS, float(record["refused"]), float(MOST_REFUSED))
        record["refused"] = 0
    elif code in (FUTURE, AHEAD, LATE):
        record["refused"] += 1
        if record["refused"] == MOST_REFUSED:
            found = emit(
                signals, count, row, REFUSED, WHOLE, BEGINS, float(MOST_REFUSED), float(MOST_REFUSED)
            )
            found["figures"][0] = newest - ts
            found["figures"][1] = newest


def marks_of(ids: Sequence[str | None], count: int) -> npt.NDArray[np.uint64]:
    """Return a mark for each id, 0 where there is none; `count` of them where there are no ids at all."""
    marks = np.zeros(count, dtype=np.uint64)
    for row, name in enumerate(ids):
        if name is not None:
            digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            marks[row] = int.from_bytes(digest, "little") | 1
    return marks
