"""``streamgauge alerts ack``, ``mute``, ``false`` and ``real``: what a person says about an incident.

It is written to Redis, with Kafka away too; a worker appends it to the audit log.
"""

import time
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from stream_app.cli.alerts.app import IdArgument, command, found
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant
from stream_app.cli.who import ByOption, name_of
from stream_app.events.audit import AuditKind
from stream_app.settings import parse_duration
from stream_app.store import IncidentReader

CommentOption = Annotated[
    str, typer.Option("--comment", "-m", metavar="TEXT", help="Comment for others.", show_default=False)
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
    _say(some_id, config, redis, AuditKind.ACKNOWLEDGED, "acknowledged", by=by, comment=comment)


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
    until = None if seconds is None else time.time() + seconds
    if seconds == 0.0:
        _say(some_id, config, redis, AuditKind.UNMUTED, "unmuted", by=by, comment=comment)
    else:
        done = f"muted {'until it is resolved' if until is None else f'until {instant(until)}'}:"
        _say(some_id, config, redis, AuditKind.MUTED, done, by=by, comment=comment, until=until)


@command("false")
def false_(
    some_id: IdArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
) -> None:
    """Say that an incident was a false alarm."""
    _say(some_id, config, redis, AuditKind.FALSE_ALARM, "called a false alarm:", by=by, comment=comment)


@command()
def real(
    some_id: IdArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
) -> None:
    """Say that there was something: an incident was no false alarm."""
    _say(some_id, config, redis, AuditKind.REAL, "called real:", by=by, comment=comment)


def _say(
    some_id: str,
    config: ConfigOption,
    redis: RedisOption,
    what: AuditKind,
    done: str,
    *,
    by: str | None,
    comment: str,
    until: float | None = None,
) -> None:
    settings = settings_of(config, redis=redis)

    async def work() -> str:
        async with AsyncExitStack() as stack:
            reader = IncidentReader(await store_of(settings, stack))
            status, _ = await found(reader, some_id)
            await reader.say(
                status.incident, what, by=name_of(by), at=time.time(), comment=comment, until=until
            )
            return status.incident.id

    console.print(f"{done} {printable(run(work()))}", markup=False)
