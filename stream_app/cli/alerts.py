"""``streamgauge alerts``: subscribe to alerts and look them up."""

import getpass
import json as json_module
import os
import time
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
import typer

from stream_app.cli.alert_lines import alert_line, alert_lines
from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import (
    ConfigOption,
    FollowOption,
    JsonOption,
    KafkaOption,
    LastOption,
    RedisOption,
    settings_of,
    store_of,
)
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant
from stream_app.errors import StoreError
from stream_app.events import Alert, AlertState, AuditRecord, parse_event_time
from stream_app.settings import Settings
from stream_app.store import Acknowledgement, AlertReader

__all__ = ["alerts_app"]

alerts_app = typer.Typer(help="Subscribe to alerts and look them up.", no_args_is_help=True)

_LISTED = 1_000
_ALL = 200_000
"""More than the store keeps."""

Seen: TypeAlias = Acknowledgement | None
"""Who has acknowledged an alert, if anybody."""


class Kind(StrEnum):
    """What alerts are about."""

    DRIFT = "drift"
    CHANGEPOINT = "changepoint"
    ANOMALY = "anomaly"
    QUALITY = "quality"
    PERFORMANCE = "performance"


SourceFilter = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only alerts of this source.", show_default=False)
]
KindFilter = Annotated[Kind | None, typer.Option(help="Only alerts of this kind.", show_default=False)]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the alert, or its first characters.")]


async def _reader(settings: Settings, stack: AsyncExitStack) -> AlertReader:
    return AlertReader(await store_of(settings, stack))


def _chosen(alert: Alert, source: str | None, kind: Kind | None) -> bool:
    return source in {None, alert.source} and kind in {None, alert.kind}


def _moment(alert: Alert) -> float:
    return alert.started_at if alert.ended_at is None else alert.ended_at


def _print(alert: Alert, *, as_json: bool) -> None:
    if as_json:
        typer.echo(alert.model_dump_json())
    else:
        console.print(alert_line(alert), soft_wrap=True)


def _beginning(text: str | None) -> float | None:
    """Event time that ``--from`` names."""
    if text is None:
        return None
    if text == "start":
        return 0.0
    try:
        return parse_event_time(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; or say start", param_hint="--from") from None


@alerts_app.command()
def tail(
    config: ConfigOption = None,
    redis: RedisOption = None,
    last: LastOption = 10,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Start from this event time (RFC 3339 or epoch seconds), or with all stored ones: start.",
            show_default=False,
        ),
    ] = None,
    source: SourceFilter = None,
    kind: KindFilter = None,
    *,
    follow: FollowOption = True,
    json: JsonOption = False,
) -> None:
    """Print the newest alert transitions (firing, resolved), and new ones as they come.

    Ctrl-C ends it, with exit code 0.
    """
    settings = settings_of(config, redis=redis)
    since = _beginning(from_)

    def wanted(alert: Alert) -> bool:
        return _chosen(alert, source, kind) and _moment(alert) >= (since or 0.0)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings, stack)
            position = await reader.position()
            narrow = since is not None or source is not None or kind is not None
            known = await reader.recent(_ALL if narrow else last) if narrow or last else []
            shown = [alert for alert in known if wanted(alert)]
            for alert in shown if since is not None else shown[len(shown) - min(last, len(shown)) :]:
                _print(alert, as_json=json)
            # One that came between the two looks is in both.
            told = {(alert.id, alert.state) for alert in known}
            if follow:
                async for new in reader.follow(position):
                    if new is not None and wanted(new) and (new.id, new.state) not in told:
                        _print(new, as_json=json)

    try:
        run(work())
    except KeyboardInterrupt:
        return


@alerts_app.command("list")
def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    source: SourceFilter = None,
    kind: KindFilter = None,
    *,
    all_: Annotated[
        bool, typer.Option("--all", "-a", help="Include resolved ones, from the newest 1,000 transitions.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the alerts that are firing."""
    settings = settings_of(config, redis=redis)

    async def work() -> tuple[list[Alert], list[Seen]]:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings, stack)
            alerts = await reader.firing()
            if all_:
                # The stream holds beginnings and ends; the last one told of each alert is how it stands. One that
                # fires since long ago may have left the newest.
                told = {alert.id: alert for alert in [*alerts, *await reader.recent(_LISTED)]}
                alerts = sorted(told.values(), key=lambda alert: alert.started_at)
            alerts = [alert for alert in alerts if _chosen(alert, source, kind)]
            return alerts, await reader.acknowledgements([alert.id for alert in alerts])

    alerts, seen = run(work())
    if json:
        for alert, note in zip(alerts, seen, strict=True):
            typer.echo(_as_json(alert, note))
    elif alerts:
        firing = sum(alert.state is AlertState.FIRING for alert in alerts)
        console.print(f"{len(alerts)} alert{'s' if len(alerts) > 1 else ''}, {firing} firing")
        notes = ["" if note is None else f" (seen by {note.by})" for note in seen]
        for line in alert_lines(alerts, notes):
            console.print(line, soft_wrap=True)
    else:
        console.print("No alerts." if all_ else "No alert is firing.")


async def _found(reader: AlertReader, alert_id: str) -> Alert:
    alert = await reader.show(alert_id)
    if alert is None:
        raise StoreError(
            f"no alert, or more than one, begins with {alert_id!r}; `streamgauge alerts list --all` shows them"
        )
    return alert


@alerts_app.command()
def show(
    alert_id: IdArgument, config: ConfigOption = None, redis: RedisOption = None, *, json: JsonOption = False
) -> None:
    """Show everything about one alert."""
    settings = settings_of(config, redis=redis)

    async def work() -> tuple[Alert, Seen]:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings, stack)
            alert = await _found(reader, alert_id)
            (seen,) = await reader.acknowledgements([alert.id])
            return alert, seen

    alert, seen = run(work())
    if json:
        typer.echo(_as_json(alert, seen))
        return
    console.print(alert_line(alert), soft_wrap=True)
    for name, value in _details(alert, seen):
        console.print(f"  {name:16} {printable(value)}", markup=False, soft_wrap=True)


def _as_json(alert: Alert, seen: Seen) -> str:
    return json_module.dumps(alert.model_dump(mode="json") | {"acknowledged": msgspec.to_builtins(seen)})


def _details(alert: Alert, seen: Seen) -> list[tuple[str, str]]:
    ended, offset = alert.ended_at, alert.end_offset
    rows = [
        ("id", alert.id),
        ("kind", f"{alert.kind}, by {alert.detector}"),
        ("channel", "all of the source" if alert.channel == "*" else alert.channel),
        ("began", f"{instant(alert.started_at)}, at offset {alert.offset} of partition {alert.partition}"),
        (
            "ended",
            "not yet"
            if ended is None
            else instant(ended) + ("" if offset is None else f", at offset {offset}"),
        ),
        ("statistic", f"{alert.statistic:.6g} (threshold {alert.threshold:.6g})"),
    ]
    rows += [(f"  {name.replace('_', ' ')}", f"{value:.6g}") for name, value in alert.context.items()]
    if alert.contributions:
        shares = ", ".join(f"{channel} {share:.0%}" for channel, share in alert.contributions[:8])
        rows.append(("contributions", shares))
    if seen:
        said = f": {seen.comment}" if seen.comment else ""
        rows.append(("acknowledged", f"{instant(seen.at)} by {seen.by}{said}"))
    return rows


@alerts_app.command()
def ack(
    alert_id: IdArgument,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    comment: Annotated[
        str,
        typer.Option("--comment", "-m", metavar="TEXT", help="Comment for others.", show_default=False),
    ] = "",
    by: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of who acknowledges; by default your user name.", show_default=False
        ),
    ] = None,
) -> None:
    """Acknowledge an alert, in the store and in the audit log.

    What cannot be written to the log is not acknowledged. Where no broker is named, only the store has it.
    """
    from stream_app.kafka.audit import append_audit  # noqa: PLC0415 - lookups do not wait for Kafka's client

    configure_logging(quiet=True)
    settings = settings_of(config, kafka, redis)
    who, now = by or _user(), time.time()

    async def work() -> Alert:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings, stack)
            alert = await _found(reader, alert_id)
            if settings.kafka.servers:
                record = AuditRecord.acknowledged(alert, by=who, note=comment, at=now)
                create = settings.worker.create_topics
                await append_audit(settings.kafka, record, prefix=settings.prefix, create=create)
            return await reader.acknowledge(alert.id, by=who, comment=comment, at=now)

    console.print(f"acknowledged {printable(run(work()).id)}", markup=False)
    if not settings.kafka.servers:
        typer.echo("no broker is named, so the audit log does not have it", err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a user may be a number only
        return f"user {os.getuid()}"
