"""The program: all commands under one name, and errors on one line."""

import gc
import importlib
import sys
from collections.abc import Callable, Collection
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from stream_app.cli.help import help_of
from stream_app.cli.show import printable
from stream_app.errors import StreamgaugeError
from stream_app.version import __version__

__all__ = ["main", "program"]

_COMMANDS = {
    "demo": ("Start here", "See it work: a broker, a store, replays and a worker, for about a minute."),
    "replay": ("Run", "Replay a stream into Kafka: files, a data set or a simulation."),
    "replay-control": (
        "Run",
        "Change a replay of images while it runs: how bad they are, a pause, the end.",
    ),
    "worker": ("Run", "Watch the streams of the monitor file until stopped."),
    "backtest": ("Run", "Run the monitor over files, without Kafka, and say how good it is."),
    "check": (
        "Run",
        "Validate the monitor file and reach the servers; say what is wrong in one line each.",
    ),
    "compile": ("Run", "Compile the detection kernels ahead, up to a minute, once."),
    "alerts": ("Look", "Subscribe to alerts and look them up."),
    "triggers": ("Look", "Subscribe to reasons to train a model again."),
    "audit": ("Look", "Look up what was done about models and alerts."),
    "fairness": (
        "Look",
        "Compare how a model treats groups: selection rates, mistakes, the four-fifths rule.",
    ),
    "compare": ("Look", "Compare versions of a model: who is right more often, and whether to switch."),
    "slices": ("Look", "Find where a model errs significantly more often than overall."),
    "features": ("Look", "Query live features, build training rows, compare the two."),
    "dead-letters": ("Look", "Look up events that could not be used, and send them back."),
    "config": ("Look", "Look at the settings in force."),
}
"""Commands, each from the module of its name: the heading under which the help lists them, and how their own help begins."""


class _Program(TyperGroup):
    """Commands are listed without being imported, which takes seconds for all; one that is called is."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in _COMMANDS:
            self.commands[args[0]] = typer.main.get_group(program([args[0]])).commands[args[0]]
        return super().resolve_command(ctx, args)


def _version(value: bool) -> None:  # noqa: FBT001 typer calls it with the flag
    if value:
        typer.echo(f"streamgauge {__version__}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def program(whole: Collection[str] = tuple(_COMMANDS)) -> typer.Typer:
    """Make the program.

    Parameters
    ----------
    whole : collection of str
        Commands that are imported now; of the others there is a line in the help, until they are called.
    """
    app = typer.Typer(
        name="streamgauge",
        cls=_Program,
        help="Watch event streams: drift, anomalies and live features, within a false-alarm budget.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, (panel, about) in _COMMANDS.items():
        if name not in whole:
            app.command(name, help=about, rich_help_panel=panel)(lambda: None)
            continue
        word = name.replace("-", "_")
        module = importlib.import_module(f"stream_app.cli.{word}")
        if hasattr(module, f"{word}_app"):
            app.add_typer(getattr(module, f"{word}_app"), name=name, rich_help_panel=panel)
        else:
            examples = getattr(module, "EXAMPLES", None)
            _add(app, getattr(module, word), panel, epilog=examples, no_args_is_help=bool(examples))
    return app


def _add(app: typer.Typer, command: Callable[..., Any], panel: str, **options: Any) -> None:
    app.command(help=help_of(command), rich_help_panel=panel, **options)(command)


def main() -> None:
    """Run the program; exits with 0, 1 after a failure, 2 after a mistake in the call."""
    # Importing makes objects by the hundred thousand; looking for garbage among them takes a seventh of the time.
    gc.set_threshold(100_000)
    # Faust looks for options of its own, such as --loop, among the program's arguments when it is imported.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        program(whole=())(arguments[1:])
    except StreamgaugeError as error:
        console = Console(stderr=True, highlight=False)
        for line in str(error).splitlines():
            told = Text.assemble(("streamgauge:", "red"), f" {printable(line)}")
            console.print(told, soft_wrap=True)
        sys.exit(1)
    finally:
        sys.argv = arguments
