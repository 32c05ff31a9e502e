"""The log of one entity: its newest events in time order, as far back as its view needs.

Everything a reader gets is computed from this when it asks, so nothing goes out of date. The rules that decide
what is in the log look at one event after the other, in the order of their arrival, and never at where a batch ends:

1. repeated: an event at or before the position of its partition came before, and changes nothing;
2. late: one that is older than the newest of the entity by more than the lateness, or older than an event that was
   given up already, is refused;
3. duplicate: one with the id of an event that is not too old by rule 2 is refused;
4. every other one is counted, at its place in time; events of the same instant keep the order of their arrival.

Events older than the newest by more than the retention are given up; of more than `max_events`, the oldest. They
go into the totals over all time, if the view has such features.
"""

import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from enum import Enum
from itertools import compress
from typing import Self, TypeAlias

from stream_app.core.features.layout import Cells, Layout
from stream_app.core.features.totals import Total, decode_totals, encode_totals
from stream_app.errors import StateError

__all__ = ["FORMAT", "HEAD_BYTES", "NEVER", "STAMP", "EntityLog", "Verdict", "last_pause", "stamp"]

FORMAT = 1
"""Version of the bytes."""

NEVER = -(1 << 63)
"""An instant before all others."""

# magic, format, checksum of what follows, fingerprint, last partition and offset, newest given up, then lengths:
# of the other positions, rows, ids, totals in bytes.
_HEAD = struct.Struct("<3sBI8sIqqHIII")
HEAD_BYTES = _HEAD.size
_CHECKED = 8
_BEGIN = struct.Struct("<3sBI")
_REST = struct.Struct("<8sIqqHIII")
STAMP = slice(16, 28)
"""Where a log's bytes hold its last partition and offset, which tell it from every other log of the same entity."""
_POSITION = struct.Struct("<Iq")
_MAGIC = b"SGF"
_NOWHERE = (0, -1)
_FEW = 64
_IDENT = struct.Struct("=Q").pack
_BITS = [bytes((byte >> bit) & 1 for byte in range(256)) for bit in range(8)]
_Column: TypeAlias = "array[int] | array[float]"
_BIG_ENDIAN = struct.pack("=H", 1) != struct.pack("<H", 1)


class Verdict(Enum):
    """Result of adding an event."""

    COUNTED = "counted"
    REPEATED = "repeated"
    LATE = "late"
    DUPLICATE = "duplicate"
    FOREIGN = "foreign"
    """Its offset was passed before, yet it cannot have been there then: the topic was made anew."""


COUNTED, REPEATED, LATE, DUPLICATE, FOREIGN = Verdict
# Looked up as globals: as attributes of the enumeration each costs as much as appending a number.


class EntityLog:
    """The log of one entity.

    Parameters
    ----------
    layout : Layout
        Of the view.
    endless : bool
        Give nothing up, for computing what was at any instant in the past; not for storing.

    Notes
    -----
    Memory: 8 bytes an event for its time, 8 for each numeric field and each field whose different values are counted,
    1 for each eight selectors, 8 for its id within the lateness; 50 for the whole.

    Examples
    --------
    >>> from stream_app.core.features.view import Feature, FeatureView
    >>> layout = Layout(FeatureView("v", (Feature("spent", "sum", "amount"),), ttl=1e6))
    >>> log = EntityLog(layout)
    >>> log.add(0, 7, 60_000_000, 0, layout.cells(None, {"amount": 3.5}, {}))
    <Verdict.COUNTED: 'counted'>
    >>> log.add(0, 7, 60_000_000, 0, layout.cells(None, {"amount": 3.5}, {}))
    <Verdict.REPEATED: 'repeated'>
    >>> len(EntityLog.decode(log.encode(), layout))
    1
    """

    __slots__ = (
        "_given_up",
        "_ids",
        "_known",
        "_layout",
        "_newest",
        "endless",
        "marks",
        "numbers",
        "planes",
        "positions",
        "totals",
        "ts",
    )

    def __init__(self, layout: Layout, *, endless: bool = False) -> None:
        self._layout = layout
        self.endless = endless
        self.ts = array("q")
        """Times in microseconds, ascending."""
        # An entity may be new with every event, and what a view does not have need not be looped over.
        self.numbers = [array("d") for _ in layout.numbers] if layout.numbers else []
        self.marks = [array("Q") for _ in layout.marks] if layout.marks else []
        self.planes = [bytearray() for _ in range(layout.planes)] if layout.planes else []
        self.positions: dict[int, int] = {}
        """Partition to the offset of the last event that came from it; the newest last."""
        self.totals: list[Total | None] = [None] * len(layout.totals)
        """Over what was given up, since the entity's last pause longer than the ttl; in the order of the layout."""
        # Ids belong to the last rows, as many as there are.
        self._ids = array("Q")
        self._known: dict[int, int] | None = None
        self._given_up = NEVER

    def __len__(self) -> int:
        """Events kept now."""
        return len(self.ts)

    @property
    def given_up(self) -> int:
        """Time of the newest event that is no longer kept one by one; `NEVER` if all are."""
        return self._given_up

    def floor(self) -> int:
        """Time before which an event is late now, in microseconds."""
        ts, layout = self.ts, self._layout
        if not ts:
            return NEVER
        floor = max(ts[-1] - layout.lateness, self._given_up + 1)
        surplus = len(ts) - layout.max_events
        return max(floor, ts[surplus - 1] + 1) if surplus > 0 else floor

    def add(
        self, partition: int, offset: int, ts: int, ident: int, cells: Cells, *, beside: bool = False
    ) -> Verdict:
        """Take one event.

        Parameters
        ----------
        partition, offset : int
            Where it stands.
        ts : int
            Its time, in microseconds.
        ident : int
            Hash of its id; 0 if it has none.
        cells : Cells
            What is kept of it.
        beside : bool
            Whether an event of the same record was just taken, which moved the position.

        Returns
        -------
        Verdict
            Whether it was counted.
        """
        positions, times = self.positions, self.ts
        if offset <= positions.get(partition, -1) and not beside:
            # Whatever was counted or refused before is not newer than all that was counted; with an id it may be.
            return FOREIGN if not ident and times and ts > times[-1] else REPEATED
        # Refused ones move the position, too: read again, after others, they might no longer be refused.
        if len(positions) > 1:
            positions.pop(partition, None)
        positions[partition] = offset
        newest = True
        # A newer event without an id, the most frequent one, can be neither late nor a duplicate.
        if times:
            newest = ts >= times[-1]
            # One of the same time as the newest can be: if others of that time were given up.
            if ts <= times[-1] and ts < self.floor():
                return LATE
            if ident:
                before = self._time_of(ident)
                if before != NEVER and before >= self.floor():
                    return DUPLICATE
                if self._known is not None:
                    self._known[ident] = ts
        if newest:
            self._append(ts, ident, cells)
        else:
            self._insert(ts, ident, cells)
        return COUNTED

    def _time_of(self, ident: int) -> int:
        """Return the newest time of an event with an id among those that are remembered; `NEVER` if there is none."""
        ids = self._ids
        if self._known is None:
            # Looking through a few is faster than making a dict of them; through their bytes, than through numbers.
            # Bytes that are found between two numbers only cost time.
            if len(ids) <= _FEW and _IDENT(ident) not in ids.tobytes():
                return NEVER
            self._known = dict(zip(ids, self.ts[len(self.ts) - len(ids) :], strict=True))
        return self._known.get(ident, NEVER)

    def _append(self, ts: int, ident: int, cells: Cells) -> None:
        # Runs for nearly every event. Columns are as many as cells; zip() that makes sure costs as much as appending.
        self.ts.append(ts)
        self._ids.append(ident)
        flags, numbers, marks = cells
        for i, number in enumerate(numbers):
            self.numbers[i].append(number)
        for i, plane in enumerate(flags):
            self.planes[i].append(plane)
        if marks:
            for i, mark in enumerate(marks):
                self.marks[i].append(mark)

    def _insert(self, ts: int, ident: int, cells: Cells) -> None:
        times = self.ts
        at = bisect_right(times, ts)
        # Rows without a place for an id are older than this event: they were too old for one.
        self._ids.insert(at - len(times) + len(self._ids), ident)
        times.insert(at, ts)
        for numbers, number in zip(self.numbers, cells.numbers, strict=True):
            numbers.insert(at, number)
        for marks, mark in zip(self.marks, cells.marks, strict=True):
            marks.insert(at, mark)
        for plane, flags in zip(self.planes, cells.flags, strict=True):
            plane.insert(at, flags)

    def settle(self) -> None:
        """Drop events that are no longer needed; calling it once after several events equals calling it after each."""
        times, layout = self.ts, self._layout
        if self.endless or not times:
            return
        self._known = None
        # Mostly nothing is too old yet: neither an id nor, since more than the lateness is kept, an event.
        oldest = times[0]
        if (
            oldest >= times[-1] - layout.lateness
            and oldest > self._given_up
            and len(times) <= layout.max_events
        ):
            return
        # Ids that are too old to be compared with.
        if self._ids and times[-len(self._ids)] < (floor := self.floor()):
            del self._ids[: len(self._ids) - len(times) + bisect_left(times, floor)]
        surplus = len(times) - layout.max_events
        if oldest < (kept_since := times[-1] - layout.retention):
            surplus = max(surplus, bisect_left(times, kept_since))
        if surplus > 0:
            self._give_up(surplus)

    def _give_up(self, count: int) -> None:
        times = self.ts
        if self._layout.totals:
            self._absorb(count)
        self._given_up = times[count - 1]
        columns: list[_Column | bytearray] = [times, *self.numbers, *self.marks, *self.planes]
        for column in columns:
            del column[:count]
        if len(self._ids) > len(times):
            del self._ids[: len(self._ids) - len(times)]

    def _absorb(self, count: int) -> None:
        layout, times = self._layout, self.ts
        begin = last_pause(times, count, layout.ttl)
        if begin > 0 or times[0] - self._given_up > layout.ttl:
            # After a pause longer than the ttl an entity is known anew.
            self.totals = [None] * len(layout.totals)
        for i, (selector, field) in enumerate(layout.totals):
            flags = self.select(layout.place(selector), begin, count)
            taken = list(compress(times[begin:count], flags)) if flags else list(times[begin:count])
            if not taken:
                continue
            rows: list[float] = []
            if field is not None:
                numbers = self.numbers[layout.numbers.index(field)][begin:count]
                rows = list(compress(numbers, flags)) if flags else list(numbers)
            total = self.totals[i]
            if total is None:
                total = self.totals[i] = Total.of(taken[0], rows)
            total.add(taken, rows)

    def select(self, place: tuple[int, int] | None, begin: int, end: int) -> bytes | None:
        """Return a byte a row, 1 where a selector takes it; None where it takes all.

        Parameters
        ----------
        place : tuple of int, optional
            Plane and bit of the selector; None takes all rows.
        begin, end : int
            Of the rows.
        """
        if place is None:
            return None
        flags = bytes(self.planes[place[0]][begin:end].translate(_BITS[place[1]]))
        return None if 0 not in flags else flags

    def _columns(self) -> list[_Column]:
        return [self.ts, *self.numbers, *self.marks, self._ids]

    def encode(self) -> bytes:
        """Return the log as bytes; the same events give the same bytes."""
        *before, last = self.positions.items() or [_NOWHERE]
        others = b"".join([_POSITION.pack(*one) for one in before]) if before else b""
        totals = b"" if self._given_up == NEVER else encode_totals(self.totals)
        lengths = (len(before), len(self.ts), len(self._ids), len(totals))
        head = _REST.pack(self._layout.fingerprint, *last, self._given_up, *lengths)
        columns = list(map(_swapped, self._columns())) if _BIG_ENDIAN else self._columns()
        checked = b"".join((head, others, *columns, *self.planes, totals))
        return _BEGIN.pack(_MAGIC, FORMAT, zlib.crc32(checked)) + checked

    @classmethod
    def decode(cls, raw: bytes, layout: Layout) -> Self:
        """Decode the result of `encode`.

        Raises
        ------
        StateError
            If it is damaged, or of another version or definition of the view.
        """
        partition, offset, given_up, others, rows, ids, totals = _check(raw, layout)
        log = cls(layout)
        log._given_up = given_up
        at = _HEAD.size
        for _ in range(others):
            other, other_offset = _POSITION.unpack_from(raw, at)
            log.positions[other] = other_offset
            at += _POSITION.size
        if (partition, offset) != _NOWHERE:
            log.positions[partition] = offset
        for column in log._columns():
            column.frombytes(raw[at : (at := at + 8 * (ids if column is log._ids else rows))])
            if _BIG_ENDIAN:
                column.byteswap()
        for plane in log.planes:
            plane.extend(raw[at : (at := at + rows)])
        if totals:
            log.totals = decode_totals(raw[at:], len(layout.totals))
        return log


def stamp(partition: int, offset: int) -> bytes:
    """Return what stands at `STAMP` in a log whose last event is this one.

    Examples
    --------
    >>> len(stamp(0, 7)) == STAMP.stop - STAMP.start
    True
    """
    return _POSITION.pack(partition, offset)


def _swapped(column: _Column) -> _Column:
    column = column[:]
    column.byteswap()
    return column


def _check(raw: bytes, layout: Layout) -> tuple[int, int, int, int, int, int, int]:
    """Return what the head of a log says whose bytes are in order: last partition, offset, given up, lengths."""
    if len(raw) < _HEAD.size or raw[:3] != _MAGIC:
        raise StateError(f"{_where(layout)} is no log: it begins with {bytes(raw[:8])!r}")
    _, version, checksum, fingerprint, partition, offset, given_up, others, rows, ids, totals = (
        _HEAD.unpack_from(raw)
    )
    if version != FORMAT:
        raise StateError(f"{_where(layout)} has format {version}, this program reads {FORMAT}")
    if fingerprint != layout.fingerprint:
        raise StateError(
            f"{_where(layout)} was written with another definition of the view ({fingerprint.hex()}, "
            f"not {layout.fingerprint.hex()}): a changed definition needs a new version"
        )
    columns = 8 * (1 + len(layout.numbers) + len(layout.marks)) + layout.planes
    expected = _HEAD.size + _POSITION.size * others + columns * rows + 8 * ids + totals
    if ids > rows or len(raw) != expected:
        raise StateError(f"{_where(layout)} is damaged: {len(raw)} bytes, {expected} are expected")
    if zlib.crc32(memoryview(raw)[_CHECKED:]) != checksum:
        raise StateError(f"{_where(layout)} is damaged: its checksum is another")
    return partition, offset, given_up, others, rows, ids, totals


def _where(layout: Layout) -> str:
    return f"a stored log of {layout.view.key}"


def last_pause(times: "array[int]", count: int, gap: int) -> int:
    """Return the first row after the last pause longer than `gap` among the first `count` rows; 0 without one."""
    if count == 0 or times[count - 1] - times[0] <= gap:
        return 0
    return next((i for i in range(count - 1, 0, -1) if times[i] - times[i - 1] > gap), 0)
