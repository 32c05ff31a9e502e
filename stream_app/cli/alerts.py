"""``streamgauge alerts``: subscribe to alerts and look them up."""

import getpass
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of
from stream_app.cli.show import alert_line, alert_table, console
from stream_app.errors import SettingsError, StoreError
from stream_app.events import Alert
from stream_app.settings import Settings
from stream_app.store import AlertReader, connect

__all__ = ["alerts_app"]

alerts_app = typer.Typer(help="Subscribe to alerts and look them up.", no_args_is_help=True)

SourceFilter = Annotated[str | None, typer.Option(help="Only alerts of this source.", show_default=False)]
KindFilter = Annotated[
    str | None, typer.Option(help="Only this kind: drift, anomaly, changepoint, quality.", show_default=False)
]


async def _reader(settings: Settings, stack: AsyncExitStack) -> AlertReader:
    if not settings.redis.url.get_secret_value():
        raise SettingsError("no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or --redis")
    store = await connect(settings.redis)
    stack.push_async_callback(store.close)
    return AlertReader(store)


def _chosen(alert: Alert, source: str | None, kind: str | None) -> bool:
    return source in {None, alert.source} and kind in {None, alert.kind}


def _print(alert: Alert, *, as_json: bool) -> None:
    if as_json:
        typer.echo(alert.model_dump_json())
    else:
        console.print(alert_line(alert), soft_wrap=True)


@alerts_app.command()
def tail(
    config: ConfigOption = None,
    redis: RedisOption = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="Begin with the newest so many.")] = 10,
    source: SourceFilter = None,
    kind: KindFilter = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", "-f", help="Go on as new ones come.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Print the newest beginnings and ends of alerts, and new ones as they come, until Ctrl-C."""

    async def work() -> None:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings_of(config, redis=redis), stack)
            position = await reader.position()
            for alert in await reader.recent(last):
                if _chosen(alert, source, kind):
                    _print(alert, as_json=json)
            if follow:
                async for new in reader.follow(position):
                    if new is not None and _chosen(new, source, kind):
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
    all_: Annotated[bool, typer.Option("--all", "-a", help="Resolved ones too (the newest 1,000).")] = False,
    json: JsonOption = False,
) -> None:
    """List the alerts that are firing."""

    async def work() -> list[Alert]:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings_of(config, redis=redis), stack)
            if not all_:
                return await reader.firing()
            # The stream holds beginnings and ends; the last one told of each alert is how it stands.
            return list({alert.id: alert for alert in await reader.recent(1000)}.values())

    alerts = [alert for alert in run(work()) if _chosen(alert, source, kind)]
    if json:
        for alert in alerts:
            typer.echo(alert.model_dump_json())
    elif alerts:
        console.print(alert_table(alerts, f"{len(alerts)} alert{'s' if len(alerts) > 1 else ''}"))
    else:
        console.print("No alerts." if all_ else "No alert is firing.")


@alerts_app.command()
def show(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or how it begins.")],
    config: ConfigOption = None,
    redis: RedisOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show everything about one alert."""

    async def work() -> tuple[Alert, dict[str, str] | None]:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings_of(config, redis=redis), stack)
            alert = await reader.show(alert_id)
            if alert is None:
                raise StoreError(
                    f"no alert {alert_id}; `streamgauge alerts list --all` shows those there are"
                )
            return alert, await reader.acknowledgement(alert.id)

    alert, seen = run(work())
    if json:
        typer.echo(alert.model_dump_json())
        return
    console.print(alert_line(alert), soft_wrap=True)
    rows: list[tuple[str, str]] = [
        ("id", alert.id),
        ("kind", f"{alert.kind}, by {alert.detector}"),
        ("channel", alert.channel),
        ("event", f"offset {alert.offset} of partition {alert.partition}"),
        ("statistic", f"{alert.statistic:.6g} (threshold {alert.threshold:.6g})"),
    ]
    rows += [(f"  {name}", f"{value:.6g}") for name, value in alert.context.items()]
    if alert.contributions:
        shares = ", ".join(f"{channel} {share:.0%}" for channel, share in alert.contributions[:8])
        rows.append(("contributions", shares))
    if seen:
        rows.append(("acknowledged", f"by {seen['by']}: {seen['comment']}".rstrip(": ")))
    for name, value in rows:
        console.print(f"  {name:14} {value}", markup=False, soft_wrap=True)


@alerts_app.command()
def ack(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or how it begins.")],
    config: ConfigOption = None,
    redis: RedisOption = None,
    comment: Annotated[str, typer.Option("--comment", "-m", help="What you found.")] = "",
    by: Annotated[str | None, typer.Option(help="Who; else the user's name.", show_default=False)] = None,
) -> None:
    """Note that somebody has seen an alert."""

    async def work() -> Alert:
        async with AsyncExitStack() as stack:
            reader = await _reader(settings_of(config, redis=redis), stack)
            return await reader.acknowledge(alert_id, by=by or getpass.getuser(), comment=comment)

    console.print(f"acknowledged {run(work()).id}")
