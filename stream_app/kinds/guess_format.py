"""Which format messages likely have that nobody has described."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.errors import DataError
from stream_app.events import JSON, Format, MessageError
from stream_app.formats import make_format
from stream_app.settings import SensorStream

__all__ = ["GuessedFormat", "guess_format"]

_MAGIC = 0
_HEAD_BYTES = {"confluent": 5, "apicurio": 9}
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class GuessedFormat:
    """A format that most messages have.

    Parameters
    ----------
    said : str, dict or None
        The setting `format`; None for JSON, which needs none.
    wire : Format
        Decodes messages.
    reason : str
        What speaks for it.
    """

    said: Any
    wire: Format
    reason: str


def guess_format(topic: str, values: Sequence[bytes | None]) -> GuessedFormat:
    """Return the format of messages: the first that most of them can be read in.

    JSON, JSON behind the number of a schema, MessagePack, and lines of CSV with as many cells each; their columns have no names,
    so they are numbered.

    Parameters
    ----------
    topic : str
        For messages.
    values : sequence of bytes or None
        Values of some records.

    Raises
    ------
    DataError
        If most have the number of a schema and no JSON: whether they are Avro or Protobuf, only the registry knows.

    Examples
    --------
    >>> guess_format("meters", [b"p1;1700000000;1.5", b"p2;1700000001;2"]).said
    {'kind': 'csv', 'columns': ['column 1', 'column 2', 'column 3'], 'delimiter': ';'}
    """
    messages = [value for value in values if value]
    for found in _candidates(messages):
        if _most(messages, lambda raw, wire=found.wire: isinstance(wire.plain(raw, ()), dict | list)):  # type: ignore[misc] # bound now
            return found
    if _most(messages, lambda raw: raw[0] == _MAGIC and len(raw) > _HEAD_BYTES["confluent"]):
        number = int.from_bytes(messages[-1][1:5], "big")
        raise DataError(
            f"{topic}: messages begin with a zero byte and the number of a schema, {number}: Avro or Protobuf of a schema registry. Set "
            'format = "avro" (or "protobuf") of the stream, and url in [schema_registry]; then look with streamgauge check'
        )
    return GuessedFormat(None, JSON, "")


def _candidates(messages: Sequence[bytes]) -> Iterator[GuessedFormat]:
    yield GuessedFormat(None, JSON, "messages are JSON")
    for framing, head in _HEAD_BYTES.items():
        if _most(messages, lambda raw, head=head: raw[0] == _MAGIC and raw[head : head + 1] in (b"{", b"[")):  # type: ignore[misc] # bound now
            said = {"kind": "json-schema", "framing": framing}
            yield _of(said, f"messages are JSON behind a zero byte and the number of a schema in {head - 1}")
    yield _of("messagepack", "messages are no JSON, and objects of MessagePack")
    columns = _csv(messages)
    if columns is not None:
        yield _of(columns, "messages are lines of CSV; give the columns their names")


def _of(said: Any, reason: str) -> GuessedFormat:
    return GuessedFormat(said, make_format(SensorStream.model_validate({"format": said}).format), reason)


def _csv(messages: Sequence[bytes]) -> dict[str, Any] | None:
    """Return the settings of lines with the same number of cells, two at least; None where they are none."""
    try:
        lines = [raw.decode("utf-8-sig").rstrip("\r\n") for raw in messages]
    except UnicodeDecodeError:
        return None
    for delimiter in _DELIMITERS:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        if usual and 2 * counts.count(usual) > len(lines):
            names = [f"column {number}" for number in range(1, usual + 2)]
            return {"kind": "csv", "columns": names, "delimiter": delimiter}
    return None


def _most(messages: Sequence[bytes], fits: Callable[[bytes], bool]) -> bool:
    def is_one(raw: bytes) -> bool:
        try:
            return fits(raw)
        except MessageError:
            return False

    return 2 * sum(map(is_one, messages)) > len(messages)
