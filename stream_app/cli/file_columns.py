"""Options that say what the columns of files mean, wherever files are read."""

from typing import Annotated

import typer

from producers.sources import Columns

__all__ = [
    "TABLE",
    "ChannelsOption",
    "DelimiterOption",
    "PathsArgument",
    "PeriodOption",
    "SourceColumnOption",
    "TimeColumnOption",
    "columns_of",
    "delimiter_of",
    "names",
]

TABLE = "Columns of files (found out where there is no doubt)"

PathsArgument = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Files, directories or globs: .csv .tsv .jsonl .parquet."),
]
TimeColumnOption = Annotated[
    str | None,
    typer.Option(
        help="Event time: epoch s or ms, RFC 3339, or YYYY-MM-DD HH:MM:SS (UTC).", rich_help_panel=TABLE
    ),
]
SourceColumnOption = Annotated[
    str | None, typer.Option(help="Name of the source; else each file is one.", rich_help_panel=TABLE)
]
ChannelsOption = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Columns to read; else all numeric ones.", rich_help_panel=TABLE),
]
DelimiterOption = Annotated[
    str | None, typer.Option(help="Between cells of a CSV file.", rich_help_panel=TABLE)
]
PeriodOption = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Between rows that come without a time.", rich_help_panel=TABLE),
]


def names(text: str | None) -> tuple[str, ...]:
    """Read a list of names with commas between them.

    Examples
    --------
    >>> names("flow, load,"), names(None)
    (('flow', 'load'), ())
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def delimiter_of(text: str | None) -> str | None:
    r"""Return what stands between cells; ``\t`` is a tab.

    Examples
    --------
    >>> delimiter_of(r"\t"), delimiter_of(";")
    ('\t', ';')
    """
    return "\t" if text == "\\t" else text


def columns_of(
    *,
    time_column: str | None,
    source_column: str | None,
    channels: tuple[str, ...],
    delimiter: str | None,
    period: float | None,
    labels: tuple[str, ...] = (),
    name: str | None = None,
) -> Columns:
    r"""Return what was said of the columns; a delimiter ``\t`` is a tab.

    Raises
    ------
    SettingsError
        If it makes no sense.
    """
    return Columns(
        time=time_column,
        source=source_column,
        channels=channels,
        labels=labels,
        delimiter=delimiter_of(delimiter),
        name=name,
        period=period,
    )
