"""The options of ``streamgauge demo``, and how it ends."""

import asyncio
import signal
from typing import Annotated

import typer

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.show import console

__all__ = ["demo"]

_TERMINATED = 128 + signal.SIGTERM


def demo(
    *,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve the dashboard, keep running afterwards until Ctrl-C, and print commands to look around.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated water loops.")] = 1,
) -> None:
    """Run a demo for about a minute: embedded broker and store, replays, a worker.

    Starts an embedded broker and store. Replays four hours of a simulated water loop with three faults, the same of
    a healthy one, River's WaterFlow, and, with the extra images, digits of a camera that fails, with a model's predictions.
    Ends with what was found, how soon, and what was a false alarm.
    """
    from stream_app.cli.demo.scenario import play  # noqa: PLC0415 - all of the program: help does not wait for it

    configure_logging(quiet=True)
    try:
        run(play(serve=serve, seed=seed))
    except (KeyboardInterrupt, asyncio.CancelledError) as ended:
        console.print("Stopped.")
        if isinstance(ended, asyncio.CancelledError):
            raise typer.Exit(_TERMINATED) from None
