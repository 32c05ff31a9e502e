"""Reading many logs at once, compiled: `EntityLog.decode` and `Evaluator.read` in one pass over the stored bytes.

The twin in Python is what it is compared with, and what reads a log that this one does not: one that is damaged, whose fault
the twin names, and one with totals over all time. Both give the same numbers to the last bit: a sum is rounded once.

Bytes may be forged. So nothing is read before the length that a log's head claims is found to be the one it has, and every row
that is looked up lies between the first and the last.
"""

import numpy as np

from stream_app.core.arrays import BoolArray, Bytes, FloatArray, IntArray
from stream_app.core.checksum import checksum
from stream_app.core.features.log import FORMAT, HEAD_BYTES, NEVER
from stream_app.core.kernel import kernel

__all__ = [
    "COUNT",
    "DISTINCT",
    "LAST",
    "MAX",
    "MEAN",
    "MIN",
    "PARTIALS",
    "RATE",
    "SUM",
    "TIME_SINCE_LAST",
    "read_logs",
]

COUNT, SUM, MEAN, MIN, MAX, LAST, DISTINCT, TIME_SINCE_LAST, RATE = range(9)
PARTIALS = 64
"""Most parts of an exact sum: doubles that do not overlap, of which 2,098 bits hold 40."""

_SECOND = 1e6
_MAGIC = int.from_bytes(b"SGF", "little") | FORMAT << 24
_CHECKED = 8  # bytes before those that the checksum covers
_MASK = 0xFFFFFFFF
_POSITION_BYTES = 12


@kernel
def _first_not_before(words: IntArray, times: int, low: int, high: int, instant: int) -> int:
    """First row at or after an instant."""
    while low < high:
        middle = (low + high) >> 1
        if words[times + 8 * middle] < instant:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _takes(raw: Bytes, plane: int, bit: int, row: int) -> bool:
    """Whether a selector takes a row; one without a plane takes all."""
    return plane < 0 or (raw[plane + row] >> bit) & 1 == 1


@kernel
def _rounded_sum(parts: FloatArray, count: int) -> float:
    """Round the sum of parts that do not overlap, smallest first; half way to even, as `math.fsum` does."""
    if count == 0:
        return 0.0
    high = float(parts[count - 1])
    rest = 0.0
    i = count - 1
    while i > 0:
        before = high
        i -= 1
        part = parts[i]
        high = before + part
        rest = part - (high - before)
        if rest != 0.0:
            break
    if i > 0 and ((rest < 0.0 and parts[i - 1] < 0.0) or (rest > 0.0 and parts[i - 1] > 0.0)):
        twice = rest * 2.0
        other = high + twice
        if twice == other - high:
            high = other
    return high


@kernel
def _exact_sum(
    raw: Bytes,
    floats: FloatArray,
    numbers: int,
    plane: int,
    bit: int,
    begin: int,
    end: int,
    parts: FloatArray,
) -> float:
    """Sum of a column's rows, rounded once.

    First as two numbers: where the errors of the first are added up without an error, their sum is exact. Else as many
    parts as it takes (Shewchuk, 1997).
    """
    high = 0.0
    low = 0.0
    is_exact = True
    for row in range(begin, end):
        if _takes(raw, plane, bit, row):
            number = floats[numbers + 8 * row]
            total = high + number
            of = total - high
            error = (high - (total - of)) + (number - of)
            high = total
            total = low + error
            of = total - low
            if (low - (total - of)) + (error - of) != 0.0:
                is_exact = False
                break
            low = total
    if is_exact:
        return high + low
    count = 0
    for row in range(begin, end):
        if _takes(raw, plane, bit, row):
            number = floats[numbers + 8 * row]
            kept = 0
            for i in range(count):
                part = parts[i]
                if abs(number) < abs(part):
                    number, part = part, number
                total = number + part
                error = part - (total - number)
                if error != 0.0:
                    parts[kept] = error
                    kept += 1
                number = total
            # Forged numbers, such as infinite ones, give more parts than there are.
            kept = min(kept, PARTIALS - 1)
            parts[kept] = number
            count = kept + 1
    return _rounded_sum(parts, count)


@kernel
def _sift(heap: IntArray, root: int, count: int) -> None:
    while 2 * root + 1 < count:
        child = 2 * root + 1
        if child + 1 < count and heap[child] < heap[child + 1]:
            child += 1
        if heap[root] >= heap[child]:
            return
        heap[root], heap[child] = heap[child], heap[root]
        root = child


@kernel
def _different(heap: IntArray, count: int) -> int:
    """Count different numbers among the first of an array, which are sorted for it: nobody can choose a slow order."""
    for root in range(count // 2 - 1, -1, -1):
        _sift(heap, root, count)
    for last in range(count - 1, 0, -1):
        heap[0], heap[last] = heap[last], heap[0]
        _sift(heap, 0, last)
    different = 0
    for i in range(count):
        if i == 0 or heap[i] != heap[i - 1]:
            different += 1
    return different


@kernel
def read_logs(  # noqa: C901, PLR0912, PLR0915 one pass, as the twin's steps
    raw: Bytes,
    words: IntArray,
    floats: FloatArray,
    ends: IntArray,
    skip: int,
    layout: IntArray,
    windows: IntArray,
    steps: IntArray,
    lengths: FloatArray,
    answers: IntArray,
    at: int,
    spans: IntArray,
    computed: FloatArray,
    parts: FloatArray,
    heap: IntArray,
    values: FloatArray,
    event_ts: IntArray,
    incomplete: BoolArray,
    left: BoolArray,
) -> None:
    """Read the features of many entities at an instant from the bytes of their logs, one after the other.

    Parameters
    ----------
    raw, words, floats : array
        All stored bytes; and the integer, and the float, that begins at each of them.
    ends : array of int
        Where each ends; one without bytes is missing.
    skip : int
        Bytes before the log.
    layout : array of int
        Fingerprint, numbers, marks, planes, ttl, most events.
    windows : array of int, shape (windows, 3)
        Reach, delay and gap.
    steps : array of int, shape (steps, 5)
        Aggregation, window (-1 is all time), plane (-1 is all rows), bit, column.
    lengths : array of float
        Seconds of the window of each step.
    answers : array of int, shape (features, 2)
        Step, and the one that it is divided by, or -1.
    at : int
        The instant, in microseconds.
    spans, computed, parts, heap : array
        To work with: first row of each window and the one after its last; a number a step; parts of a sum; marks.
    values, event_ts, incomplete, left : array
        What is found: NaN where there is no value, `NEVER` where there is no entity; which features are incomplete; and
        which logs are left to the twin.
    """
    fingerprint, numbers, marks, planes, ttl, most = (
        layout[0], layout[1], layout[2], layout[3], layout[4], layout[5],
    )  # fmt: skip
    stop = 0
    for entity in range(len(ends)):
        start, stop = stop, ends[entity]
        values[entity, :] = np.nan
        event_ts[entity] = NEVER
        incomplete[entity, :] = False
        left[entity] = False
        if start == stop:
            continue
        left[entity] = True
        head = start + skip
        size = stop - head
        if size < HEAD_BYTES:
            continue
        first = words[head]
        rows = words[head + 34] >> 32 & _MASK
        others = words[head + 34] >> 16 & 0xFFFF
        ids = words[head + 42] & _MASK
        totals = words[head + 42] >> 32 & _MASK
        given_up = words[head + 28]
        row_bytes = 8 * (1 + numbers + marks) + planes
        expected = HEAD_BYTES + _POSITION_BYTES * others + row_bytes * rows + 8 * ids + totals
        if (
            first & _MASK != _MAGIC
            or words[head + 8] != fingerprint
            or ids > rows
            or size != expected
            or totals
            or checksum(raw, words, head + _CHECKED, stop) != first >> 32 & _MASK
        ):
            continue
        left[entity] = False
        times = head + HEAD_BYTES + _POSITION_BYTES * others
        plane_begin = times + 8 * rows * (1 + numbers + marks) + 8 * ids
        end = _first_not_before(words, times, 0, rows, at)
        base = max(0, end - most)
        gone = words[times + 8 * (base - 1)] if base else given_up
        newest = words[times + 8 * (end - 1)] if end else gone
        if newest == NEVER or at - newest > ttl:
            continue
        if given_up >= at:
            incomplete[entity, :] = True
            continue
        event_ts[entity] = newest
        for i in range(len(windows)):
            low, delay, gap = at - windows[i, 0], windows[i, 1], windows[i, 2]
            spans[i, 0], spans[i, 1], spans[i, 2] = end, end, 0
            if gap == 0:
                if gone >= low:
                    spans[i, 2] = 1
                    continue
                begin = _first_not_before(words, times, base, end, low)
                spans[i, 0] = begin
                if delay:
                    spans[i, 1] = _first_not_before(words, times, begin, end, at - delay)
                continue
            begin, later = end, at
            while begin > base:
                ts = words[times + 8 * (begin - 1)]
                if later - ts > gap or ts < low:
                    break
                begin -= 1
                later = ts
            if begin == base and gone >= low and later - gone <= gap:
                spans[i, 2] = 1
            else:
                spans[i, 0] = begin
        # All time begins after the last pause longer than the ttl.
        known_since = 0
        if end and words[times + 8 * (end - 1)] - words[times] > ttl:
            for row in range(end - 1, 0, -1):
                if words[times + 8 * row] - words[times + 8 * (row - 1)] > ttl:
                    known_since = row
                    break
        for i in range(len(steps)):
            aggregation, window, bit, column = steps[i, 0], steps[i, 1], steps[i, 3], steps[i, 4]
            plane = plane_begin + steps[i, 2] * rows if steps[i, 2] >= 0 else -1
            begin, last = known_since, end
            if window >= 0:
                begin, last = spans[window, 0], spans[window, 1]
            computed[i] = np.nan
            if aggregation in (LAST, TIME_SINCE_LAST):
                row = last - 1
                while row >= begin and not _takes(raw, plane, bit, row):
                    row -= 1
                if row >= begin:
                    computed[i] = (
                        floats[times + 8 * (rows * (1 + column) + row)]
                        if aggregation == LAST
                        else (at - words[times + 8 * row]) / _SECOND
                    )
                continue
            count = last - begin
            if plane >= 0 and aggregation not in (MIN, MAX):
                count = 0
                for row in range(begin, last):
                    count += raw[plane + row] >> bit & 1
            if aggregation == COUNT:
                computed[i] = count
            elif aggregation in (SUM, MEAN):
                where = times + 8 * rows * (1 + column)
                total = _exact_sum(raw, floats, where, plane, bit, begin, last, parts)
                if aggregation == SUM:
                    computed[i] = total
                elif count:
                    computed[i] = total / count
            elif aggregation in (MIN, MAX):
                for row in range(begin, last):
                    if _takes(raw, plane, bit, row):
                        number = floats[times + 8 * (rows * (1 + column) + row)]
                        best = computed[i]
                        if np.isnan(best) or (number < best if aggregation == MIN else number > best):
                            computed[i] = number
            elif aggregation == DISTINCT:
                taken = 0
                for row in range(begin, last):
                    if _takes(raw, plane, bit, row):
                        heap[taken] = words[times + 8 * (rows * (1 + numbers + column) + row)]
                        taken += 1
                computed[i] = _different(heap, taken)
            elif count:
                seconds = lengths[i]
                if seconds == 0.0:
                    row = begin
                    while not _takes(raw, plane, bit, row):
                        row += 1
                    seconds = (at - words[times + 8 * row]) / _SECOND
                computed[i] = count / seconds
            else:
                computed[i] = 0.0
        for i in range(len(answers)):
            one, other = answers[i, 0], answers[i, 1]
            is_lost = steps[one, 1] >= 0 and spans[steps[one, 1], 2] == 1
            value = computed[one]
            if other >= 0:
                is_lost |= steps[other, 1] >= 0 and spans[steps[other, 1], 2] == 1
                divisor = computed[other]
                value = np.nan if divisor == 0.0 else value / divisor
            if is_lost:
                incomplete[entity, i] = True
            else:
                values[entity, i] = value
