"""``streamgauge silence``: what nobody wants to be told for some time; kept in Redis, for all notifiers."""

import getpass
import time
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from pydantic import ValidationError

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, help_of, instant, print_columns
from stream_app.events import parse_event_time
from stream_app.settings import parse_duration
from stream_app.store import Silence, SilenceStore

__all__ = ["silence_app"]

silence_app = typer.Typer(
    help="Silence incidents for some time, in all routes: add, list, remove.", no_args_is_help=True
)

Pattern = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Only these names; may be repeated.")
]


def add(
    for_: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long it lasts, such as 8h.")],
    stream: Pattern = None,
    source: Pattern = None,
    detector: Pattern = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only incidents of this kind; may be repeated.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATTERN", help="Only streams with this label; may be repeated."),
    ] = None,
    begin: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it begins; by default now.", show_default=False)
    ] = None,
    comment: Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", help="Comment for others.")] = "",
    by: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of who says so; by default your user name.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
    redis: RedisOption = None,
) -> None:
    """Add a silence: incidents that it means are told when it is over, if they still fire then.

    Patterns have * for any characters and ? for one. An incident is silenced if all that found it is meant.
    """
    labels = dict(_label(text) for text in label or ())
    try:
        seconds = parse_duration(for_)
        begins = (
            time.time() if begin is None else parse_event_time(float(begin) if _is_number(begin) else begin)
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not (stream or source or detector or kind or labels):
        raise typer.BadParameter("say what is meant: --stream, --source, --detector, --kind or --label")
    said = {"stream": stream or (), "source": source or (), "detector": detector or (), "kind": kind or ()}
    try:
        silence = Silence.model_validate(
            said
            | {"labels": labels, "id": SilenceStore.new_id(), "begins": begins, "ends": begins + seconds}
            | {"by": by or getpass.getuser(), "comment": comment}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None
    settings = settings_of(config, redis=redis)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            await SilenceStore(await store_of(settings, stack)).add(silence)

    run(work())
    console.print(f"silenced until {instant(silence.ends)}: {silence.id}", markup=False)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _label(text: str) -> tuple[str, str]:
    name, equals, glob = text.partition("=")
    if not (name and equals and glob):
        raise typer.BadParameter(f"{text!r} is not NAME=PATTERN", param_hint="--label")
    return name, glob


def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    *,
    all_: Annotated[
        bool, typer.Option("--all", "-a", help="Include those that were over in the last week.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the silences that hold or are to come."""
    settings = settings_of(config, redis=redis)

    async def work() -> list[Silence]:
        async with AsyncExitStack() as stack:
            return await SilenceStore(await store_of(settings, stack)).all()

    now = time.time()
    silences = [one for one in run(work()) if all_ or one.ends > now]
    if json:
        for one in silences:
            typer.echo(one.model_dump_json())
    elif silences:
        rows = [("id", "begins", "ends", "by", "what", "comment")]
        rows += [
            (one.id, instant(one.begins), instant(one.ends), one.by, _what(one), one.comment)
            for one in silences
        ]
        print_columns(rows)
    else:
        console.print("No silences.")


def _what(silence: Silence) -> str:
    said = {name: getattr(silence, name) for name in ("stream", "source", "detector", "kind")}
    words = [f"{name} {' or '.join(globs)}" for name, globs in said.items() if globs]
    return ", ".join([*words, *(f"{name}={glob}" for name, glob in silence.labels.items())])


def remove(
    silence_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the silence.")],
    config: ConfigOption = None,
    redis: RedisOption = None,
) -> None:
    """End a silence now."""
    settings = settings_of(config, redis=redis)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            await SilenceStore(await store_of(settings, stack)).end(silence_id, time.time())

    run(work())
    console.print(f"ended {printable(silence_id)}", markup=False)


for _name, _command in (("add", add), ("list", list_), ("remove", remove)):
    silence_app.command(_name, help=help_of(_command))(_command)
