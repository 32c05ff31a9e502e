"""Files of records as they were sent: an object a line, samples, Trino's events and changes mixed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from producers.platform.queries import query_event
from producers.platform.records import ChangeMade, Record, Sample, scrapes
from stream_app.errors import DataError
from stream_app.events import parse_event_time
from stream_app.tables.bounded_lines import opened
from stream_app.tables.left_out import LeftOut
from stream_app.tables.table import READ_ERRORS, TableFile, unreadable

__all__ = ["WireFile", "is_wire", "wire_records"]


class _Sample(msgspec.Struct):
    name: str
    value: float | str
    labels: dict[str, str] = {}
    ts: float | str | None = None


class _Change(msgspec.Struct):
    kind: str
    what: str
    version: str = ""
    nodes: tuple[str, ...] = ()


class _Line(msgspec.Struct):
    ts: float | str | None = None
    timestamp: float | str | None = None
    name: str | None = None
    value: float | str | None = None
    labels: dict[str, str] = {}
    samples: tuple[_Sample, ...] | None = None
    change: _Change | None = None


_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
_line = msgspec.json.Decoder(_Line)


def is_wire(first: bytes) -> bool:
    """Whether the first line of a file is a record of a platform.

    Examples
    --------
    >>> is_wire(b'{"ts": 1.0, "name": "up", "labels": {}, "value": 1}'), is_wire(b'{"ts": 1.0, "load": 2}')
    (True, False)
    """
    try:
        there = _keys.decode(first).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return (
        not there.isdisjoint({"samples", "eventPayload", "change"})
        or {"name", "value", "labels"} <= there
        or {"metadata", "endTime"} <= there
    )


def wire_records(raw: bytes, refuse: Callable[[str], None]) -> list[Record]:
    """Read a record of a platform.

    Parameters
    ----------
    raw : bytes
        JSON.
    refuse : callable
        Told why a sample is left out, or the record.

    Returns
    -------
    list of Record
        Several of a large scrape; none where nothing is left of it: samples that are no numbers, or an event of Trino of another
        kind.

    Raises
    ------
    DataError
        If it is none; shows nothing of a query.
    """
    try:
        there = _keys.decode(raw).keys()
        if not there.isdisjoint({"eventPayload", "metadata"}):
            query = query_event(raw)
            return _nothing(refuse) if query is None else [query]
        line = _line.decode(raw)
        if line.change is not None:
            change = line.change
            return [ChangeMade(_moment(line), change.kind, change.what, change.version, change.nodes)]
        samples = line.samples
        if samples is None:
            if line.name is None or line.value is None:
                raise DataError("neither a sample, nor a query, nor a change")
            samples = (_Sample(line.name, line.value, line.labels),)
        return list(scrapes(_moment(line), map(_sample, samples), refuse)) or _nothing(refuse)
    except UnicodeDecodeError:
        raise DataError("not UTF-8") from None
    except RecursionError:
        raise DataError("objects in objects too deep") from None
    except msgspec.DecodeError as error:
        raise DataError(f"no record of a platform: {error}") from None
    except ValueError:
        raise DataError("a time or a value that is none") from None


@dataclass(frozen=True, slots=True)
class WireFile:
    """A file of records, in their order.

    Parameters
    ----------
    table : TableFile
    left : LeftOut
        Where lines that are none are counted.
    """

    table: TableFile
    left: LeftOut

    def records(self) -> Iterator[Record]:
        """Read line after line.

        Raises
        ------
        SourceError
            If the file cannot be read.
        """
        try:
            with opened(self.table.path)[0] as file:
                for number, line in enumerate(file, start=1):
                    text = line.removeprefix(b"\xef\xbb\xbf").strip()
                    if not text:
                        continue
                    refuse = partial(self.left.add, count=1, where=f"{self.table.path}:{number}")
                    try:
                        yield from wire_records(text, refuse)
                    except DataError as error:
                        refuse(str(error))
        except READ_ERRORS as error:
            raise unreadable(self.table.path, error) from None


def _nothing(refuse: Callable[[str], None]) -> list[Record]:
    refuse("nothing to send: no number, or no end of a query")
    return []


def _sample(one: _Sample) -> Sample:
    labels: dict[str, Any] = {name: text for name, text in one.labels.items() if name != "__name__"}
    ts = None if one.ts is None else parse_event_time(one.ts)
    return Sample(one.name, labels, float(one.value), ts)


def _moment(line: _Line) -> float:
    return parse_event_time(line.ts if line.ts is not None else line.timestamp)
