"""``streamgauge alerts list`` and ``show``: incidents with their alerts."""

import json as json_module
import time
from contextlib import AsyncExitStack
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from stream_app.cli.alert_lines import alert_line, alert_lines, incident_lines
from stream_app.cli.alerts.app import (
    IdArgument,
    Kind,
    KindFilter,
    SourceFilter,
    command,
    found,
    is_chosen,
)
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant
from stream_app.cli.sparkline import sparkline
from stream_app.events import Alert, AlertState
from stream_app.events.alert import AlertCause
from stream_app.settings import Settings
from stream_app.settings.durations import format_duration
from stream_app.store import AlertReader, IncidentReader, IncidentStatus, Note

_LISTED = 1_000


@command("list")
def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    source: SourceFilter = None,
    kind: KindFilter = None,
    *,
    all_: Annotated[
        bool, typer.Option("--all", "-a", help="Include resolved ones, from the newest 1,000 transitions.")
    ] = False,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="List each alert by itself, not the incidents they belong to.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the incidents that are firing: alerts of one source that have one cause.

    Incidents of three or more sources that began within a minute share a line. Muted ones are left out, unless all are asked for.
    """
    settings = settings_of(config, redis=redis)
    if alerts:
        _list_alerts(run(_alerts(settings, source, kind, all_=all_)), as_json=json, all_=all_)
        return
    statuses = run(_incidents(settings, source, kind, all_=all_))
    if json:
        for status in statuses:
            typer.echo(json_module.dumps(_as_dict(status)))
    elif statuses:
        firing = sum(status.incident.state is AlertState.FIRING for status in statuses)
        console.print(f"{_counted(len(statuses), 'incident')}, {firing} firing")
        for line in incident_lines(statuses):
            console.print(line, soft_wrap=True)
    else:
        console.print("No incidents." if all_ else "No alert is firing.")


async def _incidents(
    settings: Settings, source: str | None, kind: Kind | None, *, all_: bool
) -> list[IncidentStatus]:
    async with AsyncExitStack() as stack:
        store = await store_of(settings, stack)
        reader = IncidentReader(store)
        statuses = await (reader.recent(_LISTED) if all_ else reader.firing())
        if not all_:
            statuses = [status for status in statuses if not status.is_muted(time.time())]
        if source is not None:
            statuses = [status for status in statuses if status.incident.source == source]
        if kind is not None:
            alerts = await reader.alerts_of([status.incident.id for status in statuses])
            chosen = {alert.case.id for alert in alerts if alert.kind == kind}
            statuses = [status for status in statuses if status.incident.id in chosen]
        return statuses


async def _alerts(settings: Settings, source: str | None, kind: Kind | None, *, all_: bool) -> list[Alert]:
    async with AsyncExitStack() as stack:
        reader = AlertReader(await store_of(settings, stack))
        alerts = await reader.firing()
        if all_:
            # The stream holds beginnings and ends; the last one told of each alert is how it stands. One that
            # fires since long ago may have left the newest.
            told = {alert.id: alert for alert in [*alerts, *await reader.recent(_LISTED)]}
            alerts = sorted(told.values(), key=lambda alert: alert.started_at)
        return [alert for alert in alerts if is_chosen(alert, source, kind)]


def _list_alerts(alerts: list[Alert], *, as_json: bool, all_: bool) -> None:
    if as_json:
        for alert in alerts:
            typer.echo(alert.model_dump_json())
    elif alerts:
        firing = sum(alert.state is AlertState.FIRING for alert in alerts)
        console.print(f"{_counted(len(alerts), 'alert')}, {firing} firing")
        for line in alert_lines(alerts):
            console.print(line, soft_wrap=True)
    else:
        console.print("No alerts." if all_ else "No alert is firing.")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@command()
def show(
    some_id: IdArgument, config: ConfigOption = None, redis: RedisOption = None, *, json: JsonOption = False
) -> None:
    """Show everything about one alert, and the incident that it belongs to."""
    settings = settings_of(config, redis=redis)

    async def work() -> tuple[IncidentStatus, list[Alert]]:
        async with AsyncExitStack() as stack:
            return await found(IncidentReader(await store_of(settings, stack)), some_id)

    status, alerts = run(work())
    alert = next((one for one in alerts if one.id.startswith(some_id)), alerts[0])
    if json:
        case = _as_dict(status) | {"members": [one.id for one in alerts]}
        typer.echo(json_module.dumps(alert.model_dump(mode="json") | {"incident": case}))
        return
    console.print(alert_line(alert), soft_wrap=True)
    for name, value in [*_details(alert), *_causes(alert), *_about(status)]:
        console.print(f"  {name:16} {printable(value)}", markup=False, soft_wrap=True)
    picture = sparkline(alert)
    if picture is not None:
        line, words = picture
        console.print(Text.assemble(f"  {'values':16} ", line), soft_wrap=True)
        console.print(f"  {'':16} {printable(words)}", markup=False, soft_wrap=True)
    for one in alerts:
        if one.id != alert.id:
            console.print(f"    {alert_line(one)}", soft_wrap=True)


def _as_dict(status: IncidentStatus) -> dict[str, Any]:
    notes = {
        "acknowledged": msgspec.to_builtins(status.acknowledged),
        "muted": msgspec.to_builtins(status.muted),
        "verdict": msgspec.to_builtins(status.verdict),
    }
    return status.incident.model_dump(mode="json") | {"severity": status.severity.value} | notes


def _details(alert: Alert) -> list[tuple[str, str]]:
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
        *(
            []
            if alert.escalated_at is None
            else [("critical", f"since {instant(alert.escalated_at)}, at offset {alert.escalated_offset}")]
        ),
        ("statistic", f"{alert.statistic:.6g} (threshold {alert.threshold:.6g})"),
        *([("reference", alert.reference)] if alert.reference else []),
    ]
    rows += [
        (f"  {name.replace('_', ' ')}", instant(value) if name == "onset" else f"{value:.6g}")
        for name, value in alert.context.items()
    ]
    if alert.contributions:
        shares = ", ".join(f"{channel} {share:.0%}" for channel, share in alert.contributions[:8])
        rows.append(("contributions", shares))
    return rows


def _causes(alert: Alert) -> list[tuple[str, str]]:
    """Return what is to blame, most first, and the same in words."""
    rows = [("causes" if place == 0 else "", _cause(cause)) for place, cause in enumerate(alert.causes)]
    return [*rows, ("explanation", alert.explanation)] if alert.explanation else rows


def _cause(cause: AlertCause) -> str:
    said = f"{cause.kind} {cause.name}, {cause.share:.0%}, since {instant(cause.since)}"
    if not cause.metric or cause.now is None:
        return said
    before = "" if cause.before is None else f"{cause.before:.4g} → "
    return f"{said}: {cause.metric} {before}{cause.now:.4g}"


def _about(status: IncidentStatus) -> list[tuple[str, str]]:
    case = status.incident
    lasts = format_duration(case.changed_at - case.started_at)
    over = f"{case.firing} firing" if case.firing else f"resolved after {lasts}"
    rows = [("incident", f"{case.id[:8]}, {status.severity.value}: {_counted(case.alerts, 'alert')}, {over}")]
    if case.channels:
        rows.append(("  blamed", ", ".join(f"{channel} {share:.0%}" for channel, share in case.channels)))
    if status.acknowledged:
        rows.append(("acknowledged", _said(status.acknowledged)))
    if status.muted:
        until = status.muted.until
        rows.append(
            (
                "muted",
                f"{'until resolved' if until is None else f'until {instant(until)}'}; {_said(status.muted)}",
            )
        )
    if status.verdict:
        rows.append(
            ("verdict", f"{'real' if status.verdict.real else 'false alarm'}; {_said(status.verdict)}")
        )
    return rows


def _said(note: Note) -> str:
    return f"{instant(note.at)} by {note.by}" + (f": {note.comment}" if note.comment else "")
