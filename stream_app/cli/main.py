"""The program: all commands under one name, and errors on one line."""

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from stream_app import __version__
from stream_app.cli.help import help_of
from stream_app.cli.show import printable
from stream_app.errors import StreamgaugeError

__all__ = ["main", "program"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_PANELS = {
    "demo": "Start here",
    "replay": "Run",
    "replay-control": "Run",
    "worker": "Run",
    "backtest": "Run",
    "check": "Run",
    "alerts": "Look",
    "triggers": "Look",
    "audit": "Look",
    "fairness": "Look",
    "compare": "Look",
    "slices": "Look",
    "features": "Look",
    "dead-letters": "Look",
    "config": "Look",
}
"""Commands, each from the module of its name, and under which heading the help lists them."""


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


def program(arguments: Sequence[str] = ()) -> typer.Typer:
    """Make the program.

    Parameters
    ----------
    arguments : sequence of str
        What it will be called with. If they begin with a command, only that one is made: looking up alerts need not wait
        for statistics to be imported.
    """
    app = typer.Typer(
        name="streamgauge",
        help="Watch event streams: drift, anomalies and live features, within a false-alarm budget.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    first = arguments[0] if arguments else ""
    names = [first] if first in _PANELS else [] if first == "--version" else list(_PANELS)
    for name in names:
        word = name.replace("-", "_")
        module = importlib.import_module(f"stream_app.cli.{word}")
        if hasattr(module, f"{word}_app"):
            app.add_typer(getattr(module, f"{word}_app"), name=name, rich_help_panel=_PANELS[name])
        else:
            examples = getattr(module, "EXAMPLES", None)
            _add(app, getattr(module, word), _PANELS[name], epilog=examples, no_args_is_help=bool(examples))
    return app


def _add(app: typer.Typer, command: Callable[..., Any], panel: str, **options: Any) -> None:
    app.command(help=help_of(command), rich_help_panel=panel, **options)(command)


def main() -> None:
    """Run the program; exits with 0, 1 after a failure, 2 after a mistake in the call."""
    # Faust looks for options of its own, such as --loop, among the program's arguments when it is imported.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        app = program(arguments[1:])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        sys.argv = arguments
    try:
        app()
    except StreamgaugeError as error:
        console = Console(stderr=True, highlight=False)
        for line in str(error).splitlines():
            told = Text.assemble(("streamgauge:", "red"), f" {printable(line)}")
            console.print(told, soft_wrap=True)
        sys.exit(1)
