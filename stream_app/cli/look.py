"""``streamgauge look``: what is in files, and the command that would run the monitor over them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
import typer

from producers.platform.metric_tables import is_stacked
from stream_app.backtesting.look import ColumnLook, TableLook, look_at
from stream_app.backtesting.proposal import command_line, propose
from stream_app.backtesting.show import duration
from stream_app.cli.backtest.output import print_pairs
from stream_app.cli.file_columns import PathsArgument, PeriodOption, TableOptions, TruthOptions
from stream_app.cli.options import JsonOption
from stream_app.cli.show import console, instant, print_columns, print_notes
from stream_app.errors import SourceError
from stream_app.settings import SensorStream
from stream_app.tables import Columns, open_files
from stream_app.tables.columns import listed
from stream_app.tables.csv_file import CsvTable
from stream_app.tables.files import find_tables

__all__ = ["EXAMPLES", "look", "look_notes", "looks_of", "said_options"]

EXAMPLES = """
Examples:

streamgauge look plant.csv

streamgauge look plant.csv --source-column pump --json
"""

_SOURCES = 8
"""Sources that are named."""

_LONGEST = 24
"""Characters of a cell that are shown."""


def look(
    context: typer.Context,
    paths: PathsArgument,
    *,
    table: TableOptions,
    truth: TruthOptions,
    period: PeriodOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is in files, and the command that runs the monitor over them.

    What each column is taken for, what it holds, which words are missing values; how the rows lie in time, and of which
    sources they are. Nothing is judged and nothing is written.
    """
    said = said_options(context)
    for one in looks_of(paths, table.columns(period=period), truth):
        command = command_line(propose(one), one.label, said)
        if as_json:
            typer.echo(msgspec.json.encode(_plain(one, command)).decode())
        else:
            _print(one, command)


def looks_of(paths: Sequence[str], columns: Columns, truth: TruthOptions) -> Iterator[TableLook]:
    """Look at files.

    Raises
    ------
    SourceError
        If one cannot be read, or has the metrics of a data platform.
    """
    for table, _ in find_tables(paths, columns.format):
        file = getattr(table, "file", None)
        if isinstance(file, CsvTable) and is_stacked(file, columns.format):
            raise SourceError(
                f"{file.label}: several lines of names above a column a series, as metrics of a data platform have; try "
                f"streamgauge backtest {file.label} --kind platform"
            )
    tables = open_files(paths, columns, anomaly=truth.label_column, changepoint=truth.changepoint_column)
    return map(look_at, tables)


def look_notes(look: TableLook) -> list[str]:
    """Return what should be seen to before a run."""
    notes = [*look.understood.notes, *look.left_out]
    if look.latest > SensorStream().lateness:
        notes.append(
            f"{look.late:,} rows are older than the newest before them, by {duration(look.latest)} at most: sort them with --sort"
        )
    if look.same_time:
        notes.append(
            f"{look.same_time:,} rows have the source and time of another, {look.repeated:,} of them its readings too: those are "
            "refused as duplicates"
        )
    empty = [column.name for column in look.columns if column.meaning == "channel" and not column.numbers]
    if empty:
        notes.append(f"without any number: {listed(empty)}")
    if propose(look).warmup is None:
        notes.append(
            f"too few rows to judge any: {max(look.sources.values()):,}, and {2 * SensorStream.least_warmup()} are needed"
        )
    return notes


def _print(look: TableLook, command: str) -> None:
    named = listed(list(look.sources)[:_SOURCES])
    order = "in order of time" if not look.late else f"{look.late:,} rows out of order"
    print_pairs(
        [
            ("file", ", ".join(filter(None, (look.label, look.understood.container)))),
            ("rows", f"{look.rows:,}, {order}"),
            ("time", f"{instant(look.first)} to {instant(look.last)}"),
            ("period", "-" if look.period is None else f"a row every {duration(look.period)} of a source"),
            ("sources", f"{len(look.sources):,}: {named}" + (", …" if len(look.sources) > _SOURCES else "")),
        ]
    )
    console.print()
    heading = ("column", "taken as", "holds", "unit", "missing", "first", "last", "range")
    print_columns([heading, *(_row(column, look.units.get(column.name)) for column in look.columns)])
    print_notes(look_notes(look))
    console.print(f"\n{command}\n", markup=False, soft_wrap=True)


def _row(column: ColumnLook, unit: str | None) -> tuple[str, ...]:
    words = " ".join(repr(word) if word else "empty" for word in column.missing)
    missing = f"{column.missing.total():,} ({words})" if column.missing else "-"
    ends = (column.first[:_LONGEST] or "-", column.last[:_LONGEST] or "-")
    spread = f"{column.low:g} to {column.high:g}" if column.numbers else "-"
    if column.texts:
        spread = f"{len(column.texts):,} text{'s' * (len(column.texts) != 1)}"
    return (column.name, column.meaning, column.kind, unit or "-", missing, *ends, spread)


def _plain(look: TableLook, command: str) -> dict[str, Any]:
    return {
        "file": look.label,
        "rows": look.rows,
        "sources": dict(look.sources),
        "first": look.first,
        "last": look.last,
        "period": look.period,
        "late": look.late,
        "same_time": look.same_time,
        "repeated": look.repeated,
        "columns": [
            {
                "name": column.name,
                "taken_as": column.meaning,
                "holds": column.kind,
                "unit": look.units.get(column.name),
                "missing": dict(column.missing),
                "first": column.first,
                "last": column.last,
                "low": column.low if column.numbers else None,
                "high": column.high if column.numbers else None,
                "texts": len(column.texts),
            }
            for column in look.columns
        ],
        "notes": look_notes(look),
        "command": command,
    }


def said_options(context: typer.Context, without: Collection[str] = ("as_json",)) -> list[str]:
    """Return the options of a call as the user gave them, but some by their parameters' names."""
    words: list[str] = []
    for one in context.command.params:
        source = context.get_parameter_source(one.name or "")
        if one.param_type_name != "option" or one.name in without or source is None:
            continue
        if source.name == "COMMANDLINE":
            value = context.params[one.name or ""]
            # A flag that is off was said by its other name, as --no-header.
            option = (one.secondary_opts if value is False else one.opts)[0]
            words += [option] if isinstance(value, bool) else [option, str(value)]
    return words
