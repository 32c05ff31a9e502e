"""The program: all commands under one name, and errors on one line."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from stream_app import __version__
from stream_app.cli.alerts import alerts_app
from stream_app.cli.backtest import backtest
from stream_app.cli.check import check
from stream_app.cli.demo import demo
from stream_app.cli.features import features_app
from stream_app.cli.replay import EXAMPLES, replay
from stream_app.cli.worker import worker
from stream_app.errors import StreamgaugeError

__all__ = ["app", "main"]

app = typer.Typer(
    name="streamgauge",
    help="Watch event streams: drift, anomalies and live features, within a false-alarm budget.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:  # noqa: FBT001 typer calls it with the flag
    if value:
        typer.echo(f"streamgauge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command(rich_help_panel="Start here")(demo)
app.command(rich_help_panel="Run", epilog=EXAMPLES, no_args_is_help=True)(replay)
app.command(rich_help_panel="Run")(worker)
app.command(rich_help_panel="Run")(backtest)
app.command(rich_help_panel="Run")(check)
app.add_typer(alerts_app, name="alerts", rich_help_panel="Look")
app.add_typer(features_app, name="features", rich_help_panel="Look")


def main() -> None:
    """Run the program; exits with 0, 1 after a failure, 2 after a mistake in the call."""
    try:
        app()
    except StreamgaugeError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for line in str(error).splitlines():
            console.print(
                f"[red]streamgauge:[/red] {line}" if console.is_terminal else f"streamgauge: {line}",
                markup=console.is_terminal,
            )
        sys.exit(1)
