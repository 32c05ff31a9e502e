"""``streamgauge budget``: what streams may spend, have spent, and have left."""

import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.show import instant, print_columns
from stream_app.core.budget import Budget
from stream_app.events import Alert, parse_event_time
from stream_app.settings import parse_duration
from stream_app.store.spending import Spending, budgets_of, read_begun, spending

__all__ = ["budget"]

_DAY = 86_400.0


def budget(
    config: ConfigOption = None,
    redis: RedisOption = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Length of the period; by default that of each budget, and a day for one that counts events.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="End of the period in event time (RFC 3339 or epoch seconds); by default now.",
            show_default=False,
        ),
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show what the budget of each stream allows in a period, what was spent, by kind, and what is left.

    Every incident that pages a person counts, whatever its kinds; those of severity info do not. True ones count, too: a
    budget bounds the false ones.
    """
    settings = settings_of(config, redis=redis)
    end, length = _end(until), _length(over)
    periods = {name: length or Budget.parse(text).seconds or _DAY for name, text in budgets_of(settings)}

    async def work() -> list[Alert]:
        async with AsyncExitStack() as stack:
            store = await store_of(settings, stack)
            return await read_begun(store, end - max(periods.values(), default=0.0))

    alerts = run(work())
    found = [spending(alerts, name, text, end - periods[name], end) for name, text in budgets_of(settings)]
    if json:
        for one in found:
            typer.echo(_as_json(one))
    elif found:
        print_columns([("stream", "budget", "since", "allowed", "spent", "left", "of"), *map(_row, found)])
    else:
        typer.echo("No stream has a budget.")


def _end(text: str | None) -> float:
    if text is None:
        return time.time()
    try:
        return parse_event_time(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None


def _length(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--over") from None
    if length <= 0.0:
        raise typer.BadParameter("a period is longer than 0", param_hint="--over")
    return length


def _row(one: Spending) -> tuple[str, ...]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in one.kinds.items())
    allowed, left = ("counts events" if x is None else f"{x:.4g}" for x in (one.allowed, one.left))
    return one.stream, one.budget, instant(one.begin), allowed, str(one.spent), left, kinds


def _as_json(one: Spending) -> str:
    return msgspec.json.encode({**asdict(one), "spent": one.spent, "left": one.left}).decode()
