"""Events of any kind out of messages of any layout, one event a record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from stream_app.events.dead_letter import Record, record_times
from stream_app.events.formats import JSON, Format
from stream_app.events.layout import Layout
from stream_app.events.places import Envelope
from stream_app.events.rejection import MAX_EVENT_BYTES, MessageError, Rejected, unread

__all__ = ["decode_mapped"]

R = TypeVar("R")


def decode_mapped(
    records: Sequence[Record],
    layout: Layout,
    read: Callable[[Mapping[str, Any], Mapping[int | str, str]], R | Rejected],
    wire: Format = JSON,
) -> list[R | Rejected]:
    """Decode records; one bad event never spoils its neighbours.

    Parameters
    ----------
    records : sequence of records
        As consumers return them.
    layout : Layout
        Where the parts of an event are; without an array of events.
    read : callable
        Validates the parts of an event, given their names as the producer has them.
    wire : Format
        What decodes bytes.

    Returns
    -------
    list
        What `read` made of each record, or why it cannot be used.
    """
    renamed = layout.renamed
    out: list[R | Rejected] = []
    for record, ts in zip(records, record_times(records), strict=True):
        raw = record.value
        if raw is None or len(raw) > MAX_EVENT_BYTES:
            out.append(unread(raw))
            continue
        envelope = Envelope(record.key, ts, record.headers)
        try:
            (parts,) = layout.events(wire.plain(raw, record.headers), envelope)
        except MessageError as error:
            out.append(error.rejected)
            continue
        out.append(read(parts, renamed))
    return out
