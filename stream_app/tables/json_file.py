"""JSON: an object a line, or an array of objects; nested ones by dotted paths, readings as they are on the wire."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec

from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, opened
from stream_app.tables.compression import compression_at, uncompressed
from stream_app.tables.table import (
    READ_ERRORS,
    About,
    Block,
    TableFile,
    count_lines,
    unreadable,
    without_broken,
)

__all__ = ["MAX_DOCUMENT_BYTES", "JsonDocument", "JsonLines", "is_lines"]

MAX_DOCUMENT_BYTES = 1 << 28
"""Bytes of the largest array that is read: all of it is in memory, lines are not."""

_WHOLE = frozenset({"features", "categories", "probabilities", "attributes", "values", "labels"})
"""Objects of events on the wire."""

_DEEPEST = 8
"""Objects in objects that become a path."""

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JsonLines(TableFile):
    """A file with one JSON object a line.

    An object with an object ``values`` is taken as a reading on the wire: its channels and labels become
    columns. One with an ``entity`` is taken as a session event: its values and attributes become columns
    ``values.NAME`` and ``attributes.NAME``. In any other, each key is a column, and a key of an object in it is
    ``OUTER.INNER``; a key that a line lacks is missing there.
    """

    @property
    def about(self) -> About:
        """Say that it is JSON."""
        packed = compression_at(self.path)
        return About(", ".join(["JSON", "an object a line", *([packed] if packed else [])]))

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time; empty lines are passed over, and what is no object is a broken line."""
        yield from without_broken(self._read(size), self.place)

    def _read(self, size: int) -> Iterator[Block]:
        decode = msgspec.json.Decoder().decode
        rows: list[Row] = []
        lines: list[int] = []
        broken: list[tuple[int, str]] = []
        try:
            with opened(self.path)[0] as file:
                read = 0
                for number, line in enumerate(file, start=1):
                    if number == 1:
                        line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 the mark of UTF-8
                    if not line.strip():
                        continue
                    event, why = _object(decode, line)
                    if event is None:
                        broken.append((number, why))
                    else:
                        rows.append(event)
                        lines.append(number)
                    read += len(line)
                    if len(rows) == size or read > BLOCK_BYTES:
                        yield replace(_block(rows, lines), broken=broken)
                        rows, lines, broken, read = [], [], [], 0
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from None
        yield replace(_block(rows, lines), broken=broken)

    def count(self) -> int | None:
        """Count the lines."""
        return count_lines(self.path)


@dataclass(frozen=True, slots=True)
class JsonDocument(TableFile):
    """A file that is one array of objects, or one object with such an array; rows are counted from 1 in messages."""

    @property
    def about(self) -> About:
        """Say that it is JSON."""
        packed = compression_at(self.path)
        return About(", ".join(["JSON", "an array of objects", *([packed] if packed else [])]))

    def place(self, line: int) -> str:
        """Name the file and the object."""
        return f"{self.path}, object {line}"

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time; the whole text is in memory."""
        yield from without_broken(self._read(size), self.place)

    def _read(self, size: int) -> Iterator[Block]:
        raw = self._objects()
        decode = msgspec.json.Decoder().decode
        for begin in range(0, len(raw), size):
            found = [
                (number, *_object(decode, raw[number]))
                for number in range(begin, min(begin + size, len(raw)))
            ]
            rows = [event for _, event, _ in found if event is not None]
            lines = [number + 1 for number, event, _ in found if event is not None]
            broken = [(number + 1, why) for number, event, why in found if event is None]
            yield replace(_block(rows, lines), broken=broken)

    def count(self) -> int | None:
        """Say nothing: counting would be reading."""
        return None

    def _objects(self) -> list[msgspec.Raw]:
        try:
            with uncompressed(self.path) as file:
                text = file.read(MAX_DOCUMENT_BYTES + 1)
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from None
        if len(text) > MAX_DOCUMENT_BYTES:
            raise SourceError(
                f"{self.path}: an array of more than {MAX_DOCUMENT_BYTES:,} bytes; make it an object a line: jq -c '.[]'"
            )
        try:
            found = msgspec.json.decode(
                text.removeprefix(b"\xef\xbb\xbf"), type=list[msgspec.Raw] | dict[str, msgspec.Raw]
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SourceError(f"{self.path}: not JSON: {error}") from None
        if isinstance(found, list):
            return found
        arrays = {name: raw for name, raw in found.items() if bytes(raw).lstrip().startswith(b"[")}
        if len(arrays) != 1:
            raise SourceError(
                f"{self.path}: one object with {len(arrays)} arrays; an array of objects is expected, or an object a line"
            )
        inside: list[msgspec.Raw] = msgspec.json.decode(next(iter(arrays.values())), type=list[msgspec.Raw])
        return inside


def is_lines(head: bytes) -> bool:
    r"""Whether the first bytes of a file are those of an object a line.

    Examples
    --------
    >>> is_lines(b'{"ts": 1}\n{"ts": 2}\n'), is_lines(b'[{"ts": 1}]'), is_lines(b'{"rows": [{"ts": 1}]}')
    (True, False, False)
    """
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    first = next(line.strip() for line in lines if line.strip())
    if first.startswith(b"["):
        # An array is a line too many, not a document, where lines of objects follow.
        return False
    try:
        event = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Cut off, or broken in its first line; a document goes on in lines that are indented.
        return not any(line[:1] in {b" ", b"\t", b"}"} for line in lines[1:3])
    arrays = [cell for cell in event.values() if isinstance(cell, list)] if isinstance(event, dict) else []
    alone = sum(bool(line.strip()) for line in lines) == 1
    return not (alone and len(arrays) == 1 and arrays[0] and isinstance(arrays[0][0], dict))


def _object(decode: Callable[..., Any], text: bytes | msgspec.Raw) -> tuple[Row | None, str]:
    """Read an object; or say why there is none."""
    try:
        event = decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, f"not JSON: {error}"
    return (event, "") if isinstance(event, dict) else (None, "an object is expected")


def _flat(event: Row) -> Row:
    if "entity" in event and not {"source", "labels"} & event.keys():
        return _flat_session(event)
    if not isinstance(event.get("values"), dict):
        return event
    truth = event.get("labels")
    wire = {"ts", "source"} if "ts" in event else event.keys() - {"values", "labels"}
    flat = {key: value for key, value in event.items() if key in wire}
    flat.update(event["values"])
    if isinstance(truth, dict):
        flat.update({f"labels.{key}": value for key, value in truth.items()})
    return flat


def _dotted(event: Row, nested: Collection[str], depth: int = 0) -> Row:
    """Name what is in objects by its path."""
    flat: Row = {}
    for key, value in event.items():
        if isinstance(value, dict) and key in nested and depth < _DEEPEST:
            flat.update({f"{key}.{inner}": cell for inner, cell in _dotted(value, value, depth + 1).items()})
        else:
            flat[key] = value
    return flat


def _flat_session(event: Row) -> Row:
    flat = {key: value for key, value in event.items() if key not in {"values", "attributes"}}
    for group in ("values", "attributes"):
        inside = event.get(group)
        if isinstance(inside, dict):
            flat.update({f"{group}.{key}": value for key, value in inside.items()})
        elif inside is not None:
            flat[group] = inside
    return flat


def _block(events: Sequence[Row], lines: list[int]) -> Block:
    rows = [_flat(event) for event in events]
    nested = {key for row in rows for key, cell in row.items() if isinstance(cell, dict)} - _WHOLE
    if nested:
        # An object in place of a number is no path but a mistake.
        plain = {key for key in nested for row in rows if not isinstance(row.get(key), dict | None)}
        rows = [_dotted(row, nested - plain) for row in rows]
    # A dict, not a set: columns keep the order of their first appearance.
    names = dict.fromkeys(key for row in rows for key in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Block(columns, lines, frozenset(name for name in names if name.startswith("labels.")))
