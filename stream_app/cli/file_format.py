"""Options that say how files are written, wherever files are read."""

from dataclasses import dataclass
from typing import Annotated

import typer

from stream_app.errors import SettingsError
from stream_app.tables import FileFormat
from stream_app.tables.format import Long

__all__ = ["FormatOptions", "names"]

_PANEL = "How files are written (found out where there is no doubt)"


def names(text: str | None) -> tuple[str, ...]:
    """Read a list of names with commas between them.

    Examples
    --------
    >>> names("flow, load,"), names(None)
    (('flow', 'load'), ())
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """Options for how files are written."""

    time_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help='How times are written: s, ms, us, ns, excel, or like "%d/%m/%Y %H:%M".',
            rich_help_panel=_PANEL,
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="Zone of times without an offset, like Europe/Berlin; by default UTC.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    decimal: Annotated[
        str | None,
        typer.Option(metavar=". or ,", help="What stands before fractions.", rich_help_panel=_PANEL),
    ] = None
    missing: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Cells that say that nothing was measured, beside the usual words.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(help="Encoding of text, like latin-1 or utf-16.", rich_help_panel=_PANEL),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter between cells of a CSV file.", rich_help_panel=_PANEL)
    ] = None
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether a line of a CSV file names the columns.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None

    def format(self, time_column: str | None = None, long: Long | None = None) -> FileFormat:
        r"""Return how files are written.

        Parameters
        ----------
        time_column : str or None
            Column with the event time; two are those of the date and the time of day.
        long : Long or None
            Columns of a long table.

        Raises
        ------
        SettingsError
            If an option makes no sense.

        Examples
        --------
        >>> FormatOptions(delimiter=r"\t").format("day,clock")
        FileFormat(delimiter='\t', encoding=None, header=None, decimal=None, missing=(), time_format=None, time_zone=None, time_pair=('day', 'clock'), long=None)
        """
        if self.decimal not in {None, ".", ","}:
            raise SettingsError(f"--decimal {self.decimal}: expected . or ,")
        pair = names(time_column)
        return FileFormat(
            delimiter="\t" if self.delimiter == "\\t" else self.delimiter,
            encoding=self.encoding,
            header=self.header,
            decimal=self.decimal,
            missing=names(self.missing),
            time_format=self.time_format,
            time_zone=self.time_zone,
            time_pair=(pair[0], pair[1]) if len(pair) == 2 else None,
            long=long,
        )
