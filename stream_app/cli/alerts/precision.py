"""``streamgauge alerts precision``: how often what found an incident was right, as people have said."""

import json as json_module
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict

import typer

from stream_app.cli.alerts.app import command
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.show import console, print_columns
from stream_app.core.alerting import Precision, detector_family
from stream_app.store import CalibrationStore, IncidentReader


@command()
def precision(config: ConfigOption = None, redis: RedisOption = None, *, json: JsonOption = False) -> None:
    """Show how many incidents of each detector and channel people called real or false.

    The precision is the share of real ones, with Wilson's 95 % interval. What is surely wrong more often than right is
    doubted: incidents that nothing else found are one less severe. A detector that is false much more often spends less of its
    part of the budget: its thresholds are raised in all channels, until verdicts say otherwise.
    """
    settings = settings_of(config, redis=redis)

    async def work() -> tuple[list[Precision], list[Precision], dict[str, dict[str, int]]]:
        async with AsyncExitStack() as stack:
            store = await store_of(settings, stack)
            reader = IncidentReader(store)
            raised = await CalibrationStore(store).raised()
            return await reader.detector_precisions(), await reader.precisions(), raised

    whole, single, raised = run(work())
    # Of a detector with one channel, that is all there is to say.
    several = {key for key, n in Counter((one.stream, one.detector) for one in single).items() if n > 1}
    found = sorted(
        [*(one for one in whole if (one.stream, one.detector) in several), *single],
        key=lambda one: (one.stream, one.detector),
    )

    def part(one: Precision) -> float:
        return 0.5 ** raised.get(one.stream, {}).get(detector_family(one.detector) or "", 0)

    if json:
        for one in found:
            said = asdict(one) | {"precision": one.share, "doubted": one.doubted, "budget_part": part(one)}
            typer.echo(json_module.dumps(said))
    elif found:
        heading = (
            "stream",
            "detector",
            "channel",
            "real",
            "false",
            "precision",
            "95 % interval",
            "budget",
            "",
        )
        cells = [
            (
                one.stream, one.detector, one.channel, f"{one.real}", f"{one.false}", f"{one.share:.0%}",
                f"{one.low:.0%} to {one.high:.0%}",
                "" if part(one) == 1.0 else f"1/{1.0 / part(one):.0f}", "doubted" if one.doubted else "",
            )
            for one in found
        ]  # fmt: skip
        print_columns([heading, *cells])
    else:
        console.print("Nobody has called an incident real or false yet.")
