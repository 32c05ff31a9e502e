"""``streamgauge init``: a first monitor file, from what is in a file."""

from pathlib import Path
from typing import Annotated

import typer

from stream_app.backtesting.look import TableLook
from stream_app.backtesting.proposal import command_line, monitor_file, propose
from stream_app.backtesting.show import duration
from stream_app.cli.file_columns import PeriodOption, TableOptions, TruthOptions
from stream_app.cli.look import look_notes, looks_of, said_options
from stream_app.errors import DataError, SettingsError
from stream_app.replacing import replacing
from stream_app.settings import load_settings
from stream_app.tables.columns import listed

__all__ = ["EXAMPLES", "init"]

EXAMPLES = """
Examples:

streamgauge init plant.csv

streamgauge init plant.csv --source-column pump --stream pumps --out pumps.toml
"""


def init(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="FILE", help="File of readings.")],
    *,
    table: TableOptions,
    truth: TruthOptions,
    period: PeriodOption = None,
    stream: Annotated[str, typer.Option(metavar="NAME", help="Name of the stream.")] = "sensors",
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Monitor file to write.", show_default=True)
    ] = Path("streamgauge.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
) -> None:
    """Write a monitor file for a file of readings, with the reason of each setting.

    Channels, units, warm-up and budget are those that fit the rows, which are read as by look.
    """
    if out.exists() and not force:
        raise SettingsError(f"{out} is there; --force overwrites it, --out names another")
    found = list(looks_of([path], table.columns(period=period), truth))
    if len(found) != 1:
        raise DataError(f"{path}: {len(found)} files; name the one that shows the stream best")
    ((look, added),) = found
    proposal = propose(look)
    said = [*said_options(context, without=("stream", "out", "force")), *added, "--stream", stream]
    said += [] if out.name == "streamgauge.toml" else ["--config", str(out)]
    command = command_line(proposal, path, said)
    notes = [
        f"Written by streamgauge init from {path}.",
        *_told(look),
        *look_notes(look, added),
        f"Try it: {command}",
    ]
    _write(out, monitor_file(look, proposal, stream, notes))
    typer.echo(f"written: {out}\ntry it:  {command}")


def _told(look: TableLook) -> list[str]:
    """Return what was found that is no setting."""
    left = [f"{name} ({cell!r})" if cell else name for name, cell in look.understood.left_out.items()]
    every = "" if look.period is None else f", a row every {duration(look.period)}"
    return [
        f"{look.rows:,} rows of {len(look.sources):,} sources ({listed(list(look.sources))}){every}.",
        f"Time: {look.understood.time or 'none, rows are counted'}. Source: {look.understood.source or 'the file'}.",
        *([f"Left out: {', '.join(left)}."] if left else []),
    ]


def _write(out: Path, text: str) -> None:
    """Write a monitor file that the settings accept."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as part:
            part.write_text(text, encoding="utf-8")
            load_settings(part)
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror}") from None
