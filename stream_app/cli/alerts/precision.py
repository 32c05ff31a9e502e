"""``streamgauge alerts precision``: how often what found an incident was right, as people have said."""

import json as json_module
from contextlib import AsyncExitStack
from dataclasses import asdict

import typer

from stream_app.cli.alerts.app import command
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.show import console, print_columns
from stream_app.core.alerting import Precision
from stream_app.store import IncidentReader


@command()
def precision(config: ConfigOption = None, redis: RedisOption = None, *, json: JsonOption = False) -> None:
    """Show how many incidents of each detector and channel people called real or false.

    The precision is the share of real ones, with Wilson's 95 % interval. What is surely wrong more often than right is
    doubted: incidents that nothing else found are one less severe.
    """
    settings = settings_of(config, redis=redis)

    async def work() -> list[Precision]:
        async with AsyncExitStack() as stack:
            return await IncidentReader(await store_of(settings, stack)).precisions()

    found = run(work())
    if json:
        for one in found:
            said = asdict(one) | {"precision": one.share, "doubted": one.doubted}
            typer.echo(json_module.dumps(said))
    elif found:
        heading = ("stream", "detector", "channel", "real", "false", "precision", "95 % interval", "")
        cells = [
            (
                one.stream, one.detector, one.channel, f"{one.real}", f"{one.false}", f"{one.share:.0%}",
                f"{one.low:.0%} to {one.high:.0%}", "doubted" if one.doubted else "",
            )
            for one in found
        ]  # fmt: skip
        print_columns([heading, *cells])
    else:
        console.print("Nobody has called an incident real or false yet.")
