"""``streamgauge dead-letters show``."""

import base64
import json as json_module
import sys
from typing import Annotated, Any

import typer
from rich.text import Text

from stream_app.cli.dead_letters.choice import letters_topic, place_of, row_json
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, KafkaOption, settings_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant
from stream_app.dead_letters import Place, Row, scan
from stream_app.errors import DataError
from stream_app.events import DeadLetter
from stream_app.kafka import reading
from stream_app.kinds import confidential_topics
from stream_app.settings import Settings

__all__ = ["EXAMPLES", "payload_lines", "show"]

_SHOWN = 65_536
_WIDTH = 16
_WITHHELD = "withheld, since it may hold literals of queries; --raw writes it to a file"

EXAMPLES = """
Examples:

streamgauge dead-letters show 0:17

streamgauge dead-letters show 0:17 --raw > event.json
"""


def show(
    letter_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of the letter, PARTITION:OFFSET as in `list`.")
    ],
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write only the event's bytes; not to a terminal.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show everything about one dead letter.

    Bytes that are text are shown as text with control characters spelt out, others as a hex dump.

    Events of platforms may hold literals of queries: they are withheld, unless they are written to a file with --raw.
    """
    settings, place = settings_of(config, kafka=kafka), place_of(letter_id)
    if raw and sys.stdout.isatty():
        raise typer.BadParameter(
            "bytes of an event can steer a terminal; write them to a file or a pipe", param_hint="--raw"
        )
    row, letter = run(_look_up(settings, place))
    hidden = letter.topic in confidential_topics(settings)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        sys.stdout.buffer.flush()
    elif json:
        typer.echo(json_module.dumps(row_json(row) | _contents(letter, hidden=hidden)))
    else:
        for name, value in _details(row, letter):
            console.print(Text(f"{name:16} {printable(value)}"), soft_wrap=True)
        for name, content in (("key", letter.key), ("value", letter.value)):
            console.print(Text(f"{name}:", "bold"))
            for line in [_WITHHELD] if hidden and name == "value" else payload_lines(content):
                console.print(Text(f"  {line}"), soft_wrap=True)


async def _look_up(settings: Settings, place: Place) -> tuple[Row, DeadLetter]:
    topic = letters_topic(settings)
    async with reading(settings.kafka) as reader:
        row = (await scan(reader, topic)).at(place)
        async for record in reader.between(topic, {place.partition: (place.offset, place.offset + 1)}):
            return row, DeadLetter.parse(record.key, record.value, record.timestamp, record.headers)
    raise DataError(f"the dead letter {place} was removed while it was looked up")


def _details(row: Row, letter: DeadLetter) -> list[tuple[str, str]]:
    timed = letter.timestamp >= 0
    rows = [
        ("id", str(row.place)),
        ("written", instant(row.written)),
        ("from", f"offset {letter.offset} of partition {letter.partition} of {letter.topic}"),
        ("record time", instant(letter.timestamp / 1000) if timed else "none"),
        ("reason", letter.reason.value),
        ("message", letter.message),
        ("size", f"{row.size:,} bytes"),
    ]
    if letter.cut_from is not None:
        rows.append(("cut", f"the beginning of an event of {letter.cut_from:,} bytes"))
    if row.copies > 1:
        rows.append(("copies", f"{row.copies}; the first is {row.place}"))
    for to, claim in row.claims.items():
        who = f" of {claim.by}" if claim.by else ""
        rows.append(
            ("replayed", f"{claim.status.value} to {to} at {instant(claim.at)} by replay {claim.run}{who}")
        )
    for name, value in letter.origin_headers:
        rows.append(("header", f"{name} = {'none' if value is None else ' '.join(payload_lines(value))}"))
    return rows


def _contents(letter: DeadLetter, *, hidden: bool) -> dict[str, Any]:
    return {
        "timestamp": letter.timestamp,
        "cut_from": letter.cut_from,
        "key": _bytes(letter.key),
        "value": {"withheld": _WITHHELD} if hidden else _bytes(letter.value),
        "headers": [[name, _bytes(value)] for name, value in letter.origin_headers],
    }


def _bytes(content: bytes | None) -> dict[str, str] | None:
    if content is None:
        return None
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def payload_lines(content: bytes | None) -> list[str]:
    r"""Return bytes as lines of printable text: raw ones could steer the terminal.

    Text (UTF-8) keeps its lines and has other control characters spelt out; anything else is a hex dump. Of very large
    ones the first 64 KiB are shown.

    Examples
    --------
    >>> payload_lines(b'{"a":\n 1}\x1b[2J')
    ['{"a":', ' 1}\\u001b[2J']
    >>> payload_lines(b"\xff\x00ab")
    ['00000000  ff 00 61 62                                      ..ab']
    >>> payload_lines(None), payload_lines(b"")
    (['none'], ['empty'])
    """
    if content is None:
        return ["none"]
    if not content:
        return ["empty"]
    try:
        # The cut may go through a character, but a text is one as a whole.
        text = content.decode()
    except UnicodeDecodeError:
        lines = [_dumped(at, content[at : at + _WIDTH]) for at in range(0, min(len(content), _SHOWN), _WIDTH)]
        rest = len(content) - _SHOWN
        return lines if rest <= 0 else [*lines, f"… and {rest:,} bytes more"]
    lines = [printable(line) for line in text[:_SHOWN].split("\n")]
    rest = len(text) - _SHOWN
    return lines if rest <= 0 else [*lines, f"… and {rest:,} characters more"]


def _dumped(at: int, row: bytes) -> str:
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{at:08x}  {row.hex(' '):{_WIDTH * 3 - 1}}  {shown}"
