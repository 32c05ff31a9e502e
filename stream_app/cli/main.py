"""The program: all commands under one name, and errors on one line."""

import errno
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from stream_app.cli.option_groups import expand_groups
from stream_app.cli.printable import printable, printable_output
from stream_app.cli.show import error_console, help_of
from stream_app.errors import MissingExtraError, StreamgaugeError
from stream_app.version import __version__

__all__ = ["main", "program"]

_COMMANDS = {
    "demo": ("Start here", "Run a demo for about a minute: embedded broker and store, replays, a worker."),
    "look": ("Start here", "Say what is in files, and the command that runs the monitor over them."),
    "init": ("Start here", "Write a monitor file for a file or a topic, with the reason of each setting."),
    "replay": ("Run", "Replay a stream into Kafka: files, a data set or a simulation."),
    "replay-control": (
        "Run",
        "Control a running replay of images: corruption level, pause, resume, stop.",
    ),
    "worker": ("Run", "Watch the streams of the monitor file until stopped."),
    "notify": ("Run", "Tell alerts to people, by the routes of the monitor file, until stopped."),
    "backtest": ("Run", "Run the monitor over files, without Kafka, and measure its detections."),
    "tune": ("Run", "Try settings of a stream over files, without Kafka, and compare what they tell."),
    "retrain": (
        "Run",
        "Train a model again on labelled events, and compare it with the champion.",
    ),
    "check": (
        "Run",
        "Validate the monitor file, reach the servers and look into the topics; each problem is one line.",
    ),
    "compile": ("Run", "Compile the kernels of detection and of reading features, once, in up to a minute."),
    "functions": ("Run", "Print the functions that workers call in Redis, for an administrator to load."),
    "plan": (
        "Run",
        "Plan partitions, workers, memory of Redis and throughput of Kafka for a load.",
    ),
    "dashboard": ("Look", "Serve web pages of sources and incidents as they are now."),
    "alerts": ("Look", "Subscribe to alerts, look up incidents, say what you think of them."),
    "silence": ("Look", "Silence incidents for some time, in all routes: add, list, remove."),
    "routes": ("Look", "List the routes by which alerts reach people, or try one."),
    "budget": (
        "Look",
        "Show what the budget of each stream allows in a period, what was spent, by kind, and what is left.",
    ),
    "triggers": ("Look", "Subscribe to retraining triggers."),
    "audit": ("Look", "Read the audit log of models and alerts."),
    "models": ("Look", "List registered models, and say which version serves: show, promote, roll back."),
    "fairness": (
        "Look",
        "Compare a model's outcomes over groups: selection rates, errors, the four-fifths rule.",
    ),
    "compare": ("Look", "Compare versions of a model, and decide whether to switch."),
    "slices": ("Look", "Find where a model errs significantly more often than overall."),
    "reference": ("Run", "Set what the detectors of a stream compare with, look at it, make it anew."),
    "features": ("Look", "Query live features, build training rows, detect skew between them."),
    "dead-letters": ("Look", "Inspect events that could not be used, and replay them."),
    "detectors": ("Look", "List the available detectors, or check one."),
    "config": ("Look", "Show the settings in force."),
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
    app.command(help=help_of(command), rich_help_panel=panel, **options)(expand_groups(command))


_CANNOT_BE_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What writing to standard output fails with, which has no name."""


def _raise_if_shadowed(error: ImportError) -> None:
    """Name a package ``producers`` that was imported in place of ours, if that is why an import failed."""
    imported = getattr(sys.modules.get("producers"), "__file__", None)
    ours = Path(__file__).parents[2] / "producers" / "__init__.py"
    if (error.name or "").partition(".")[0] != "producers" or imported is None or Path(imported) == ours:
        return
    raise StreamgaugeError(
        f"{imported} is imported in place of Streamgauge's package of the same name; rename it, or run from another folder"
    ) from error


def _print_error(message: str) -> None:
    for line in message.splitlines():
        error_console.print(Text.assemble(("streamgauge:", "red"), f" {printable(line)}"), soft_wrap=True)


def _discard_output() -> None:
    """Let nothing more be written to standard output: Python writes what is buffered once more when it ends."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def main() -> None:
    """Run the program; exits with 0, 1 after a failure, 2 after a mistake in the call or without an extra it needs."""
    # Importing makes objects by the hundred thousand; looking for garbage among them takes a seventh of the time.
    gc.set_threshold(100_000)
    # Faust looks for options of its own, such as --loop, among the program's arguments when it is imported.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    with printable_output():
        try:
            _run(arguments)
        except Exception:  # noqa: BLE001 as Python itself ends, but its message may quote an event
            traceback.print_exc()
            sys.exit(1)


def _run(arguments: list[str]) -> None:
    try:
        try:
            program(whole=())(arguments[1:])
        except ImportError as error:
            _raise_if_shadowed(error)
            raise
        finally:
            # What is still buffered fails here, where it can be said, and not while Python shuts down.
            sys.stdout.flush()
    except StreamgaugeError as error:
        _print_error(str(error))
        sys.exit(2 if isinstance(error, MissingExtraError) else 1)
    except BrokenPipeError:
        # Whoever read has enough, as `head` does.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno not in _CANNOT_BE_WRITTEN:
            raise
        _discard_output()
        _print_error(f"{error.filename or 'standard output'}: {error.strerror}")
        sys.exit(1)
    finally:
        sys.argv = arguments
