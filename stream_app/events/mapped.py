"""Events of any kind out of messages of any layout, one or several a record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from stream_app.events.dead_letter import Record, record_times
from stream_app.events.formats import JSON, Format
from stream_app.events.layout import Layout
from stream_app.events.places import Envelope
from stream_app.events.rejection import MAX_EVENT_BYTES, MessageError, Rejected, unread

__all__ = ["DecodedRows", "decode_mapped"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class DecodedRows(Generic[R]):
    """Events of some records, and the records that cannot be used.

    Parameters
    ----------
    rows : list
        The events, in the order of their records.
    places : sequence of int
        Of each event the place of its record.
    rejected : list of (int, Rejected)
        Places of records that cannot be used, and why.

    Examples
    --------
    >>> DecodedRows.of(["a", "b"])
    DecodedRows(rows=['a', 'b'], places=range(0, 2), rejected=[])
    """

    rows: list[R]
    places: Sequence[int]
    rejected: list[tuple[int, Rejected]]

    @classmethod
    def of(cls, found: Sequence[R | Rejected]) -> "DecodedRows[R]":
        """Take what became of records that have an event each."""
        rejected = [(place, one) for place, one in enumerate(found) if isinstance(one, Rejected)]
        if not rejected:
            return cls(cast(list[R], found), range(len(found)), [])
        bad = {place for place, _ in rejected}
        places = [place for place in range(len(found)) if place not in bad]
        return cls([cast(R, found[place]) for place in places], places, rejected)


def decode_mapped(
    records: Sequence[Record],
    layout: Layout,
    read: Callable[[Mapping[str, Any], Mapping[int | str, str]], R | Rejected],
    wire: Format = JSON,
) -> DecodedRows[R]:
    """Decode records; one bad record never spoils its neighbours, one bad event those of its record.

    Parameters
    ----------
    records : sequence of records
        As consumers return them.
    layout : Layout
        Where the parts of an event are.
    read : callable
        Validates the parts of an event, given their names as the producer has them.
    wire : Format
        What decodes bytes.
    """
    renamed = layout.renamed
    rows: list[R] = []
    places: list[int] = []
    rejected: list[tuple[int, Rejected]] = []
    for place, (record, ts) in enumerate(zip(records, record_times(records), strict=True)):
        raw = record.value
        if raw is None or len(raw) > MAX_EVENT_BYTES:
            rejected.append((place, unread(raw)))
            continue
        envelope = Envelope(record.key, ts, record.headers)
        try:
            events = layout.events(wire.plain(raw, record.headers), envelope)
        except MessageError as error:
            rejected.append((place, error.rejected))
            continue
        found = [read(parts, renamed) for parts in events]
        bad = next((one for one in found if isinstance(one, Rejected)), None)
        if bad is not None:
            rejected.append((place, bad))
            continue
        rows += cast(list[R], found)
        places += [place] * len(found)
    return DecodedRows(rows, places, rejected)
