"""``streamgauge alerts tail``: alerts as they begin and end."""

from contextlib import AsyncExitStack
from typing import Annotated

import typer

from stream_app.cli.alert_lines import alert_line
from stream_app.cli.alerts.app import KindFilter, SourceFilter, command, is_chosen
from stream_app.cli.loop import run
from stream_app.cli.options import (
    ConfigOption,
    FollowOption,
    JsonOption,
    LastOption,
    RedisOption,
    settings_of,
    store_of,
)
from stream_app.cli.show import console
from stream_app.events import Alert, parse_event_time
from stream_app.store import AlertReader

_ALL = 200_000
"""More than the store keeps."""


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


@command()
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
    """Print the newest alert transitions (firing, escalated, resolved), and new ones as they come.

    Ctrl-C ends it, with exit code 0.
    """
    settings = settings_of(config, redis=redis)
    since = _beginning(from_)

    def wanted(alert: Alert) -> bool:
        return is_chosen(alert, source, kind) and alert.changed_at >= (since or 0.0)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            reader = AlertReader(await store_of(settings, stack))
            position = await reader.position()
            narrow = since is not None or source is not None or kind is not None
            known = await reader.recent(_ALL if narrow else last) if narrow or last else []
            shown = [alert for alert in known if wanted(alert)]
            for alert in shown if since is not None else shown[len(shown) - min(last, len(shown)) :]:
                _print(alert, as_json=json)
            # One that came between the two looks is in both.
            told = {(alert.id, alert.transition) for alert in known}
            if follow:
                async for new in reader.follow(position):
                    if new is not None and wanted(new) and (new.id, new.transition) not in told:
                        _print(new, as_json=json)

    try:
        run(work())
    except KeyboardInterrupt:
        return
