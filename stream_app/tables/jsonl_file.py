"""Lines of JSON: flat objects, or readings in the form they have on the wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from stream_app.errors import SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, opened
from stream_app.tables.table import READ_ERRORS, Block, TableFile, count_lines, unreadable

__all__ = ["JsonlTable"]


@dataclass(frozen=True, slots=True)
class JsonlTable(TableFile):
    """A file with one JSON object a line.

    An object with an object ``values`` is taken as a reading on the wire: its channels and labels become
    columns. One with an ``entity`` is taken as a session event: its values and attributes become columns
    ``values.NAME`` and ``attributes.NAME``. In any other, each key is a column; a key that a line lacks is
    missing there.
    """

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time; empty lines are passed over."""
        decode = msgspec.json.Decoder().decode
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        try:
            with opened(self.path)[0] as file:
                read = 0
                for number, line in enumerate(file, start=1):
                    if not line.strip():
                        continue
                    try:
                        event = decode(line)
                    except (msgspec.DecodeError, UnicodeDecodeError) as error:
                        raise SourceError(f"{self.path}:{number}: not JSON: {error}") from None
                    if not isinstance(event, dict):
                        raise SourceError(
                            f'{self.path}:{number}: an object is expected, like {{"ts": 10, "flow": 3}}'
                        )
                    rows.append(_flat(event))
                    lines.append(number)
                    read += len(line)
                    if len(rows) == size or read > BLOCK_BYTES:
                        yield _block(rows, lines)
                        rows, lines, read = [], [], 0
        except READ_ERRORS as error:
            raise unreadable(self.path, error) from None
        if rows:
            yield _block(rows, lines)

    def count(self) -> int | None:
        """Count the lines."""
        return count_lines(self.path)


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    if "entity" in event and not {"source", "labels"} & event.keys():
        return _flat_session(event)
    if not isinstance(event.get("values"), dict):
        return event
    truth = event.get("labels")
    flat = {key: value for key, value in event.items() if key in {"ts", "source"}}
    flat.update(event["values"])
    if isinstance(truth, dict):
        flat.update({f"labels.{key}": value for key, value in truth.items()})
    return flat


def _flat_session(event: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in event.items() if key not in {"values", "attributes"}}
    for group in ("values", "attributes"):
        inside = event.get(group)
        if isinstance(inside, dict):
            flat.update({f"{group}.{key}": value for key, value in inside.items()})
        elif inside is not None:
            flat[group] = inside
    return flat


def _block(rows: list[dict[str, Any]], lines: list[int]) -> Block:
    # A dict, not a set: columns keep the order of their first appearance.
    names = dict.fromkeys(key for row in rows for key in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Block(columns, lines, frozenset(name for name in names if name.startswith("labels.")))
