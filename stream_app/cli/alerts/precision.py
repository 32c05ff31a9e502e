"""``streamgauge alerts precision``: how often what found an incident was right, as people have said."""

import json as json_module
from collections import Counter
from contextlib import AsyncExitStack

import typer

from stream_app.cli.alerts.app import command
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.show import console, print_columns
from stream_app.store import IncidentReader, Verdict

_CONFIDENCE = 0.95


@command()
def precision(config: ConfigOption = None, redis: RedisOption = None, *, json: JsonOption = False) -> None:
    """Show how many incidents of each detector and channel people called real or false.

    The precision is the share of real ones, with Wilson's 95 % interval.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - lookups do not wait for scipy

    settings = settings_of(config, redis=redis)

    async def work() -> list[Verdict]:
        async with AsyncExitStack() as stack:
            return await IncidentReader(await store_of(settings, stack)).verdicts()

    counts: Counter[tuple[str, str, str, bool]] = Counter(
        (verdict.stream, detector, channel, verdict.real)
        for verdict in run(work())
        for detector, channel in verdict.parts
    )
    rows = []
    for stream, detector, channel in sorted({key[:3] for key in counts}):
        real, false = counts[stream, detector, channel, True], counts[stream, detector, channel, False]
        interval = binomtest(real, real + false).proportion_ci(_CONFIDENCE, method="wilson")
        rows.append(
            (stream, detector, channel, real, false, real / (real + false), interval.low, interval.high)
        )
    if json:
        names = ("stream", "detector", "channel", "real", "false", "precision", "low", "high")
        for row in rows:
            typer.echo(json_module.dumps(dict(zip(names, row, strict=True))))
    elif rows:
        heading = ("stream", "detector", "channel", "real", "false", "precision", "95 % interval")
        cells = [
            (*row[:3], f"{row[3]}", f"{row[4]}", f"{row[5]:.0%}", f"{row[6]:.0%} to {row[7]:.0%}")
            for row in rows
        ]
        print_columns([heading, *cells])
    else:
        console.print("Nobody has called an incident real or false yet.")
