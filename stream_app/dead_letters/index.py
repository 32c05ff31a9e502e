"""What the dead-letter topic holds: each refused event once, and what became of it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from stream_app.dead_letters.markers import Place, ReplayMarker, decode_marker, is_marker
from stream_app.errors import DataError
from stream_app.events import DeadLetter, Reason
from stream_app.kafka import TopicReader

__all__ = ["LEASE_SECONDS", "Claim", "DeadLetterIndex", "Origin", "ReplayStatus", "Row", "scan"]

LEASE_SECONDS = 60.0
"""A claim that was not followed by anything for so long is open to others: whoever made it has ended."""


class Origin(NamedTuple):
    """Where a refused event came from; tells one event from another."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


class ReplayStatus(StrEnum):
    """What became of a letter as far as one topic is concerned."""

    KEPT = "kept"
    CLAIMED = "claimed"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Claim:
    """The last word of the markers on one letter and one topic to send it to.

    Parameters
    ----------
    run : str
        The replay whose word it is.
    status : ReplayStatus
        Claimed or sent.
    at : float
        When, in epoch seconds.
    ends : dict of partition to offset
        Where the topic ended before; what was sent stands behind that.
    before : Claim or None
        That it was sent before, if it is claimed again.
    by : str
        Who started the replay; empty where that was not said.
    """

    run: str
    status: ReplayStatus
    at: float
    ends: dict[int, int] = field(default_factory=dict)
    before: "Claim | None" = None
    by: str = ""


@dataclass(slots=True)
class Row:
    """A refused event, without its bytes.

    Parameters
    ----------
    place : Place
        Of its letter; of the first one, where it was written more than once.
    written : float
        When, in epoch seconds.
    origin, reason, message
        As in `DeadLetter`.
    size : int
        Bytes of the value.
    cut : bool
        Whether the letter holds the beginning only.
    copies : int
        How often it was written: a worker that crashed writes its last letters again.
    claims : dict of topic to Claim
        What became of it.
    """

    place: Place
    written: float
    origin: Origin
    reason: Reason
    message: str
    size: int
    cut: bool
    copies: int = 1
    claims: dict[str, Claim] = field(default_factory=dict)

    def status(self, to: str) -> ReplayStatus:
        """Return what became of it, as far as the topic `to` is concerned."""
        claim = self.claims.get(to)
        return ReplayStatus.KEPT if claim is None else claim.status


class DeadLetterIndex:
    """All letters of the topic.

    Attributes
    ----------
    rows : dict of Origin to Row
        In the order in which they were read. Iterating over the index gives them oldest first.
    strange : int
        Records that are neither letters nor markers.
    read_to : dict of partition to offset
        How far it was read.
    """

    def __init__(self) -> None:
        self.rows: dict[Origin, Row] = {}
        self.strange = 0
        self.read_to: dict[int, int] = {}
        self._at: dict[Place, Row] = {}
        self._messages: dict[str, str] = {}

    def __iter__(self) -> Iterator[Row]:
        return iter(sorted(self.rows.values(), key=lambda row: (row.written, row.place)))

    def at(self, place: Place) -> Row:
        """Return the letter at a place, or the letter that this one is a copy of.

        Raises
        ------
        DataError
            If there is none.
        """
        if place not in self._at:
            raise DataError(f"no dead letter {place}; `streamgauge dead-letters list` shows those there are")
        return self._at[place]

    def add(self, record: Any) -> None:
        """Take note of a record; those of a partition must come in their order."""
        place = Place(record.partition, record.offset)
        at = record.timestamp / 1000.0
        try:
            if is_marker(record):
                self._mark(place.partition, at, decode_marker(record.value))
            else:
                self._letter(
                    place, at, DeadLetter.parse(None, None, record.timestamp, record.headers), record
                )
        except DataError:
            self.strange += 1

    def _letter(self, place: Place, at: float, letter: DeadLetter, record: Any) -> None:
        origin = Origin(sys.intern(letter.topic), letter.partition, letter.offset)
        row = self.rows.get(origin)
        if row is not None:
            row.copies += 1
        else:
            # Many letters have the same few messages.
            message = self._messages.setdefault(letter.message, letter.message)
            size = len(record.value or b"")
            cut = letter.cut_from is not None
            row = self.rows[origin] = Row(place, at, origin, letter.reason, message, size, cut)
        self._at[place] = row

    def _mark(self, partition: int, at: float, marker: ReplayMarker) -> None:
        for offset in marker.offsets:
            row = self._at.get(Place(partition, offset))
            if row is not None:
                _take(row, at, marker)


def _take(row: Row, at: float, marker: ReplayMarker) -> None:
    """Let a marker change a letter; what it says depends on nothing but the markers before it, so all see the same."""
    now, to = row.claims.get(marker.to), marker.to
    claim = Claim(marker.run, ReplayStatus.CLAIMED, at, marker.ends, by=marker.by)
    if marker.state == "sent":
        row.claims[to] = Claim(marker.run, ReplayStatus.SENT, at, by=marker.by)
    elif marker.state == "dropped":
        if now is not None and now.run == marker.run and now.status is ReplayStatus.CLAIMED:
            del row.claims[to]
            if now.before is not None:
                row.claims[to] = now.before
    elif now is None:
        row.claims[to] = claim
    elif now.status is ReplayStatus.SENT:
        if marker.again:
            row.claims[to] = replace(claim, before=now)
    elif at - now.at >= LEASE_SECONDS:
        row.claims[to] = replace(claim, before=now.before)


async def scan(reader: TopicReader, topic: str, index: DeadLetterIndex | None = None) -> DeadLetterIndex:
    """Read the dead-letter topic to its present end.

    Parameters
    ----------
    reader : TopicReader
        For it.
    topic : str
        The dead-letter topic.
    index : DeadLetterIndex, optional
        One to go on with.

    Raises
    ------
    BrokerError
        If the topic is not there or cannot be read.
    """
    index = DeadLetterIndex() if index is None else index
    spans = await reader.spans(topic)
    todo = {p: (max(begin, index.read_to.get(p, 0)), end) for p, (begin, end) in spans.items()}
    async for record in reader.between(topic, todo):
        index.add(record)
    index.read_to = {p: end for p, (_, end) in todo.items()}
    return index
