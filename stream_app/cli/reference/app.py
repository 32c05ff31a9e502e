"""``streamgauge reference set``, ``show`` and ``refresh``."""

import json as json_module
import math
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import (
    ConfigOption,
    JsonOption,
    KafkaOption,
    RedisOption,
    SinceFilter,
    beginning,
    settings_of,
    store_of,
)
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant, print_columns
from stream_app.cli.who import ByOption, name_of
from stream_app.settings import Settings
from stream_app.store import ReferenceStore, Store

if TYPE_CHECKING:
    from stream_app.store import ReferenceVersion

__all__ = ["reference_app"]

_HELP = "Set what the detectors of a stream compare with, look at it, make it anew."

reference_app = typer.Typer(help=_HELP, no_args_is_help=True)

StreamArgument = Annotated[str, typer.Argument(metavar="STREAM", help="Name of the stream.")]
WhyOption = Annotated[
    str, typer.Option("--comment", "-m", metavar="TEXT", help="Why; others read it.", show_default=False)
]


@reference_app.callback(help=_HELP)
def _group() -> None:
    # What aiokafka would log of a broker that is away is told by our own error.
    configure_logging(quiet=True)


@reference_app.command("set")
def set_(
    stream: StreamArgument,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="Normal operation of one source: CSV, JSONL or Parquet.", show_default=False
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Go back to a version that is kept, or its first characters.",
            show_default=False,
        ),
    ] = None,
    comment: WhyOption = "",
    by: ByOption = None,
    config: ConfigOption = None,
    redis: RedisOption = None,
) -> None:
    """Let the detectors of a stream learn from a file, and compare with it, in place of each source's first events.

    Workers take it up between two events without a restart, within seconds; alerts of drift name the version.
    """
    if (file is None) == (version is None):
        raise typer.BadParameter("name a FILE, or a --version that is kept", param_hint="FILE")
    from stream_app.cli.reference.files import stream_reference  # noqa: PLC0415 help does not wait
    from stream_app.kinds.references import referring_stream  # noqa: PLC0415

    settings = settings_of(config, redis=redis)
    referring_stream(settings, stream)
    table = None if file is None else stream_reference(settings, stream, file)

    async def work(references: ReferenceStore) -> "ReferenceVersion":
        said: dict[str, Any] = {"by": name_of(by), "at": time.time(), "why": comment}
        if table is None:
            return await references.go_back(stream, version or "", **said)
        return await references.put(stream, table, origin=str(file), **said)

    _tell(stream, _with_references(settings, work))


@reference_app.command()
def show(
    stream: StreamArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show the versions of the reference of a stream, which one it has, and which ones partitions are judged by."""
    from stream_app.events import Topics  # noqa: PLC0415 as above
    from stream_app.kinds import input_topic  # noqa: PLC0415
    from stream_app.kinds.references import referring_stream  # noqa: PLC0415
    from stream_app.store import CalibrationStore  # noqa: PLC0415

    settings = settings_of(config, redis=redis)
    topic = input_topic(referring_stream(settings, stream), Topics(settings.prefix))

    async def work(references: ReferenceStore) -> tuple[Any, Any, Any]:
        used = await CalibrationStore(references.store).in_use(topic)
        return await references.active(stream), await references.versions(stream), used

    active, versions, used = _with_references(settings, work)
    users: dict[str, list[str]] = {}
    for place, name in used.items():
        users.setdefault(name.version, []).append(place)
    if json:
        for one in versions:
            line = msgspec.to_builtins(one)
            line |= {"active": active is not None and one.version == active.version}
            typer.echo(json_module.dumps(line | {"in_use": users.get(one.version, [])}))
        return
    if not versions:
        console.print(
            f"{printable(stream)} has no reference: each source is compared with its own first events."
        )
        return
    heading = ("version", "", "made", "by", "rows", "of", "largest PSI", "partitions", "why")
    cells = [
        (
            one.version, "active" if active is not None and one.version == active.version else "",
            instant(one.at), one.by, f"{one.rows}", one.origin, _largest(one),
            f"{len(users.get(one.version, []))}", one.why,
        )
        for one in versions
    ]  # fmt: skip
    print_columns([heading, *cells])
    if active is None:
        console.print("None of them is active: each source is compared with its own first events.")
    else:
        why = f": {active.why}" if active.why else ""
        console.print(
            printable(f"set by {active.by} at {instant(active.at)}{why}"), markup=False, soft_wrap=True
        )
    waiting = [place for place, name in used.items() if name.version != (active.version if active else "")]
    if waiting:
        places = ", ".join(waiting[:5])
        console.print(
            printable(f"not taken up yet, or no worker runs: {places}"), markup=False, soft_wrap=True
        )


@reference_app.command()
def refresh(
    stream: StreamArgument,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Take rows of a file instead of the stream's topic.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The source that is normal; by default the only one.", show_default=False
        ),
    ] = None,
    since: SinceFilter = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only rows before a time, or so long ago.", show_default=False),
    ] = None,
    comment: WhyOption = "",
    by: ByOption = None,
    *,
    try_: Annotated[bool, typer.Option("--try", help="Say how it would differ, and change nothing.")] = False,
) -> None:
    """Make a reference of the recent past of a stream, without its incidents, and say how it differs from the one before.

    What somebody called a false alarm is not left out. Times are those of the events.
    """
    from stream_app.cli.reference.files import stream_reference  # noqa: PLC0415 as above
    from stream_app.cli.reference.recent import healthy, incidents_of, read_topic  # noqa: PLC0415 as above
    from stream_app.core.reference import reference_psi  # noqa: PLC0415
    from stream_app.kinds.references import check_reference, referring_stream  # noqa: PLC0415

    settings = settings_of(config, kafka=kafka, redis=redis)
    one = referring_stream(settings, stream)
    begin, end = beginning(since), math.inf if until is None else beginning(until)
    given = None if file is None else stream_reference(settings, stream, file).between(begin, end)

    async def work(references: ReferenceStore) -> "ReferenceVersion | None":
        store = references.store
        if given is None:
            name, table = await read_topic(settings, stream, source=source, since=begin, until=end)
        else:
            name, table = source or "", given
        around = max(one.cooldown, one.resolve_after)
        kept, left = healthy(table, await incidents_of(store, stream, name), around)
        origin = file or f"the topic, source {name}"
        console.print(
            printable(
                f"{len(table)} rows of {origin}, {left} of them in incidents or {around:g} s around: left out"
            ),
            markup=False,
            soft_wrap=True,
        )
        check_reference(stream, one, kept, f"what is left of {origin}")
        if try_:
            active = await references.active(stream)
            if active is not None:
                _print_differences(reference_psi(await references.table(stream, active.version), kept))
            return None
        times = f"{instant(float(kept.ts[0]))} to {instant(float(kept.ts[-1]))}"
        said: dict[str, Any] = {"by": name_of(by), "at": time.time(), "why": comment}
        return await references.put(stream, kept, origin=f"{origin}, {times}", **said)

    made = _with_references(settings, work)
    if made is not None:
        _tell(stream, made)


def _with_references(settings: Settings, work: Any) -> Any:
    async def inside() -> Any:
        async with AsyncExitStack() as stack:
            store: Store = await store_of(settings, stack)
            return await work(ReferenceStore(store, settings.redis.signing_key))

    return run(inside())


def _tell(stream: str, made: "ReferenceVersion") -> None:
    left = f", {made.left_out} older ones left out" if made.left_out else ""
    console.print(
        printable(f"{stream} has the reference {made.version}: {made.rows} rows of {made.origin}{left}"),
        markup=False,
        soft_wrap=True,
    )
    _print_differences(made.psi, made.before)


def _print_differences(psi: dict[str, float], before: str = "") -> None:
    if psi:
        from stream_app.core.twosample.psi import PSI_SEVERE  # noqa: PLC0415 as above

        rows = [
            (name, f"{value:.3f}", "differs much" if value >= PSI_SEVERE else "")
            for name, value in sorted(psi.items(), key=lambda pair: -pair[1])
        ]
        print_columns([("channel", f"PSI against {before or 'the active one'}", ""), *rows])


def _largest(one: "ReferenceVersion") -> str:
    if not one.psi:
        return ""
    name = max(one.psi, key=lambda key: one.psi[key])
    return f"{one.psi[name]:.3f} {name}"
