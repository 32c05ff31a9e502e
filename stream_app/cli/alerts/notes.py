"""``streamgauge alerts ack``, ``mute``, ``false`` and ``real``: what a person says about an incident.

It is written to Redis, with Kafka away too; a worker appends it to the audit log.
"""

import getpass
import os
import time
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from stream_app.cli.alerts.app import IdArgument, command, found
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant
from stream_app.events import AuditRecord
from stream_app.events.audit import AuditKind
from stream_app.settings import parse_duration
from stream_app.store import IncidentReader, Note, NoteKind

CommentOption = Annotated[
    str, typer.Option("--comment", "-m", metavar="TEXT", help="Comment for others.", show_default=False)
]
ByOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of who says so; by default your user name.", show_default=False),
]


@command()
def ack(
    some_id: IdArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
) -> None:
    """Acknowledge an incident: you have seen it, and see to it."""
    note = Note(by or _user(), comment, time.time())
    _say(some_id, config, redis, "acknowledged", note, AuditKind.ACKNOWLEDGED, "acknowledged")


@command()
def mute(
    some_id: IdArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="For so long from now, such as 8h; by default until it is resolved. 0 ends it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Mute an incident: lists leave it out, and nobody is told of it any more."""
    try:
        seconds = None if for_ is None else parse_duration(for_)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    now = time.time()
    note = Note(by or _user(), comment, now, until=None if seconds is None else now + seconds)
    if seconds == 0.0:
        _say(some_id, config, redis, "muted", note, AuditKind.UNMUTED, "unmuted")
    else:
        until = "until it is resolved" if note.until is None else f"until {instant(note.until)}"
        _say(some_id, config, redis, "muted", note, AuditKind.MUTED, f"muted {until}:")


@command("false")
def false_(
    some_id: IdArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
) -> None:
    """Say that an incident was a false alarm."""
    note = Note(by or _user(), comment, time.time(), real=False)
    _say(some_id, config, redis, "verdict", note, AuditKind.FALSE_ALARM, "called a false alarm:")


@command()
def real(
    some_id: IdArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
) -> None:
    """Say that there was something: an incident was no false alarm."""
    note = Note(by or _user(), comment, time.time(), real=True)
    _say(some_id, config, redis, "verdict", note, AuditKind.REAL, "called real:")


def _say(
    some_id: str,
    config: ConfigOption,
    redis: RedisOption,
    kind: NoteKind,
    note: Note,
    audited: AuditKind,
    done: str,
) -> None:
    settings = settings_of(config, redis=redis)

    async def work() -> str:
        async with AsyncExitStack() as stack:
            reader = IncidentReader(await store_of(settings, stack))
            status, _ = await found(reader, some_id)
            record = AuditRecord.said(audited, status.incident, by=note.by, note=note.comment, at=note.at)
            await reader.note(status.incident, kind, note, record)
            return status.incident.id

    console.print(f"{done} {printable(run(work()))}", markup=False)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a user may be a number only
        return f"user {os.getuid()}"
