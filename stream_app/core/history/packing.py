"""How the history of a source is stored.

One string a source: a head with the names of the channels, then the rows of each level, a ring of fixed places. A row is 8 bytes
and 8 for each channel: the mean as float32, the distances of minimum and maximum from it as the upper half of a float32, rounded
up, so that the band never hides a value and is at most 0.8 % too wide.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.history.buckets import LENGTHS, MOST_CHANNELS, WIDTHS, ClosedBuckets
from stream_app.core.history.series import Series
from stream_app.errors import StateError

__all__ = ["ABSENT", "ROWS", "head_of", "history_bytes", "parse_history", "row_type", "writes_of"]

ROWS = sum(LENGTHS)
"""Rows of a history."""

ABSENT = struct.pack("<fHH", float("nan"), 0, 0)
"""A channel without a reading in a row."""

_MAGIC = b"SGT1"
_HEAD = struct.Struct("<4sI")
_FIRST = np.concatenate([[0], np.cumsum(LENGTHS)[:-1]])
_MOST_COUNTED = 2**16 - 1
_CHANNEL = np.dtype([("mean", "<f4"), ("below", "<u2"), ("above", "<u2")])


def row_type(channels: int) -> np.dtype[Any]:
    """Return the type of a row with so many channels.

    Examples
    --------
    >>> row_type(8).itemsize * ROWS
    24192
    """
    return np.dtype(
        [("index", "<u4"), ("count", "<u2"), ("score", "<u2"), ("channel", _CHANNEL, (channels,))]
    )


def head_of(channels: Sequence[str]) -> bytes:
    """Return the beginning of the history of a source with some channels."""
    names = json.dumps(list(channels), separators=(",", ":")).encode()
    return _HEAD.pack(_MAGIC, len(names)) + names


def history_bytes(channels: Sequence[str]) -> int:
    """Return the bytes of the history of a source with some channels.

    Examples
    --------
    >>> history_bytes([f"channel-{i}" for i in range(8)])
    24297
    """
    kept = channels[:MOST_CHANNELS]
    return len(head_of(kept)) + ROWS * row_type(len(kept)).itemsize


def writes_of(closed: ClosedBuckets) -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """Return for each source where in its rows to put which bytes; of more buckets than are kept the last ones.

    Parameters
    ----------
    closed : ClosedBuckets
        Buckets in the order in which they were closed.
    """
    rows = _packed(closed)
    size = rows.dtype.itemsize
    level, sequence = closed.heads["level"], closed.heads["sequence"]
    numbers: dict[str, int] = {}
    who = np.array([numbers.setdefault(source, len(numbers)) for source in closed.sources], dtype=np.int64)
    order = np.lexsort((np.arange(len(who)), level, who))
    lengths = np.array(LENGTHS)[level]
    place = _FIRST[level] + sequence % lengths
    # Buckets that follow each other in a ring are written together.
    # The last of each level and source, as many as it keeps; of the lowest one less, because the open one may be there already.
    group = (who * len(LENGTHS) + level)[order]
    ends = np.append(np.flatnonzero(np.diff(group)), len(group) - 1)
    left = ends[np.searchsorted(ends, np.arange(len(group)))] - np.arange(len(group))
    order = order[left < lengths[order] - (level[order] == 0)]
    who, level, place = who[order], level[order], place[order]
    packed = rows[order]
    follows = (who[1:] == who[:-1]) & (level[1:] == level[:-1]) & (place[1:] == place[:-1] + 1)
    bounds = [0, *(np.flatnonzero(~follows) + 1).tolist(), len(who)]
    names = list(numbers)
    pieces: list[tuple[int, bytes]] = []
    for begin, end in pairwise(bounds):
        pieces.append((int(place[begin]) * size, packed[begin:end].tobytes()))
        if end == len(who) or who[end] != who[begin]:
            yield names[int(who[begin])], pieces
            pieces = []


def _packed(closed: ClosedBuckets) -> npt.NDArray[Any]:
    limit = np.finfo(np.float32).max
    figures = np.clip(closed.figures, -limit, limit)
    rows = np.zeros(len(closed), row_type(len(closed.channels)))
    rows["index"] = closed.heads["index"]
    rows["count"] = np.minimum(closed.heads["count"], _MOST_COUNTED)
    rows["score"] = _upper_half(closed.heads["score"])
    mean = figures[:, :, 0]
    rows["channel"]["mean"] = mean
    # In double precision, because the distance of two float32 may be none.
    wide = figures.astype(np.float64)
    rows["channel"]["below"] = _upper_half(wide[:, :, 0] - wide[:, :, 1])
    rows["channel"]["above"] = _upper_half(wide[:, :, 2] - wide[:, :, 0])
    return rows


def _upper_half(numbers: FloatArray) -> npt.NDArray[np.uint16]:
    """Round non-negative numbers up to what the upper half of a float32 can say; 0 where there is none."""
    sound = np.clip(np.nan_to_num(numbers, nan=0.0), 0.0, 3e38).astype(np.float32)
    halves: npt.NDArray[np.uint16] = ((sound.view(np.uint32) + np.uint32(0xFFFF)) >> np.uint32(16)).astype(
        np.uint16
    )
    return halves


def _from_half(halves: npt.NDArray[np.uint16]) -> FloatArray:
    found: FloatArray = (halves.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
    return found


def parse_history(blob: bytes, where: str) -> Series:
    """Read a stored history: the finest points of each time.

    Parameters
    ----------
    blob : bytes
        What is stored.
    where : str
        Its key, for the message.

    Raises
    ------
    StateError
        If it is damaged, or something else.

    Examples
    --------
    >>> from stream_app.core.history.buckets import BUCKET
    >>> heads = np.zeros(2, BUCKET)
    >>> heads["sequence"], heads["index"], heads["count"] = (0, 1), (7, 8), 5
    >>> figures = np.array([[[1.0, 0.0, 4.0]], [[2.0, 2.0, 2.0]]], np.float32)
    >>> ((source, writes),) = writes_of(ClosedBuckets(("flow",), ["pump", "pump"], heads, figures))
    >>> blob = bytearray(head_of(["flow"]) + bytes(ROWS * row_type(1).itemsize))
    >>> for place, row in writes:
    ...     begin = len(head_of(["flow"])) + place
    ...     blob[begin : begin + len(row)] = row
    >>> series = parse_history(bytes(blob), "here")
    >>> series.time.tolist(), series.mean[:, 0].tolist(), series.max[:, 0].tolist()
    ([35.0, 40.0], [1.0, 2.0], [4.0, 2.0])
    """
    names, rows = _opened(blob, where)
    levels = [_level(rows, k) for k in range(len(WIDTHS))]
    parts: list[npt.NDArray[Any]] = []
    widths: list[int] = []
    end = np.inf
    for k, (level, width) in enumerate(zip(levels, WIDTHS, strict=True)):
        starts = level["index"] * float(width)
        begin = _boundary(starts, levels, k)
        chosen = level[(starts >= begin) & (starts < end)]
        end = min(begin, end)
        parts.append(chosen)
        widths += [width] * len(chosen)
    found = np.concatenate(parts)
    spans = np.array(widths, dtype=np.float64)
    time = found["index"] * spans
    order = np.argsort(time, kind="stable")
    mean = found["channel"]["mean"].astype(np.float64)
    return Series(
        tuple(names),
        time,
        spans,
        found["count"].astype(np.int64),
        mean,
        mean - _from_half(found["channel"]["below"]),
        mean + _from_half(found["channel"]["above"]),
        _from_half(found["score"]),
    ).at(order)


def _opened(blob: bytes, where: str) -> tuple[list[str], npt.NDArray[Any]]:
    """Return the names of the channels, and the rows."""
    problem = "its head is none"
    try:
        magic, length = _HEAD.unpack_from(blob)
        names = json.loads(blob[_HEAD.size : _HEAD.size + length])
        if magic == _MAGIC and isinstance(names, list) and all(isinstance(one, str) for one in names):
            rows = np.frombuffer(blob, row_type(len(names)), offset=_HEAD.size + length)
            if len(rows) == ROWS:
                return names, rows
            problem = f"it has {len(rows)} rows, and {ROWS} are expected"
    except (struct.error, ValueError, RecursionError) as error:
        problem = str(error)
    raise StateError(f"{where} holds no history ({problem}); has something else written to it?")


def _level(rows: npt.NDArray[Any], k: int) -> npt.NDArray[Any]:
    """Return the rows of a level that are used, in the order of their times; of several of one time the last."""
    begin = int(_FIRST[k])
    used = rows[begin : begin + LENGTHS[k]]
    used = used[used["count"] > 0][::-1]
    _, first = np.unique(used["index"], return_index=True)
    found: npt.NDArray[Any] = used[first]
    return found


def _boundary(starts: FloatArray, levels: Sequence[npt.NDArray[Any]], k: int) -> float:
    """Return the time from which on a level is drawn; before it, the next one is."""
    if not len(starts):
        return float("inf")
    if k + 1 == len(levels) or not len(levels[k + 1]):
        return float(starts[0])
    width = WIDTHS[k + 1]
    # Where the level begins within a bucket of the next, that one has all of it, if it is closed.
    closed = (float(levels[k + 1]["index"][-1]) + 1) * width
    return float(min(np.ceil(starts[0] / width) * width, max(closed, starts[0])))
