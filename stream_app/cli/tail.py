"""Printing what a topic of CloudEvents tells."""

from collections.abc import Callable
from typing import TypeVar

import typer

from stream_app.cli.loop import run
from stream_app.cli.options import broker_of
from stream_app.cli.show import console
from stream_app.kafka import CloudEvent, EventTail, reading
from stream_app.settings import Settings

__all__ = ["tail_topic"]

Item = TypeVar("Item", bound=CloudEvent)


def tail_topic(
    settings: Settings,
    topic: str,
    kind: type[Item],
    wanted: Callable[[Item], bool],
    line: Callable[[Item], str],
    *,
    since: float,
    last: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Print what a topic tells, a line an event or a JSON object, to its end or to Ctrl-C.

    Parameters
    ----------
    settings : Settings
        The broker.
    topic : str
        Its name.
    kind : type
        What its records are.
    wanted, line : callable
        Which to print, and how, as rich markup.
    since : float
        Leave out what was written before this time, in epoch seconds.
    last : int or None
        The newest so many; None is all.
    follow : bool
        Go on as new ones come.
    as_json : bool
        Print JSON.

    Raises
    ------
    SettingsError
        If no broker is named.
    BrokerError
        If the topic is not there or cannot be read.
    """
    kafka = broker_of(settings)

    def show(item: Item) -> None:
        if as_json:
            typer.echo(item.model_dump_json())
        else:
            console.print(line(item), soft_wrap=True)

    async def work() -> None:
        async with reading(kafka) as reader:
            told = EventTail(reader, topic, kind, since)
            known = [item for item in await told.news() if wanted(item)]
            for item in known if last is None else known[len(known) - min(last, len(known)) :]:
                show(item)
            _warn(told.strange)
            if not (known or follow or as_json):
                console.print("There is nothing.")
            if follow:
                async for item in told.follow():
                    if wanted(item):
                        show(item)

    try:
        run(work())
    except KeyboardInterrupt:
        return


def _warn(strange: int) -> None:
    if strange:
        noun = "record is" if strange == 1 else "records are"
        typer.echo(f"{strange:,} {noun} none of Streamgauge's, and left out", err=True)
