"""How text looks on a terminal: help, and what came with events."""

import inspect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.markup import escape
from rich.text import Text

from stream_app.cli.printable import PrintableConsole, printable

__all__ = ["columns", "console", "error_console", "help_of", "instant", "print_columns", "print_notes"]

console = PrintableConsole(highlight=False)
"""Standard output; plain text where it is not a terminal."""

error_console = PrintableConsole(stderr=True, highlight=False)
"""Standard error, likewise."""


def help_of(command: Callable[..., Any]) -> str:
    """Return what a command's docstring says, a line a paragraph: the terminal breaks lines, not the source."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def instant(ts: float) -> str:
    """Time as text, UTC; the number itself where no calendar has it, as a record may say anything.

    Examples
    --------
    >>> instant(0.0), instant(1e18), instant(float("nan"))
    ('1970-01-01 00:00:00Z', '1e+18', 'nan')
    """
    try:
        return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{ts:g}"


def columns(rows: Sequence[Sequence[str]]) -> list[list[Text]]:
    """Pad cells so that they stand below each other, all but the last of a row; the first row is the heading.

    All are made printable.

    Examples
    --------
    >>> ["".join(cell.plain for cell in line) for line in columns([("id", "what"), ("0:17", "late")])]
    ['id    what', '0:17  late']
    """
    rows = [[*map(printable, row)] for row in rows]
    widths = [max(map(cell_len, column)) + 2 for column in zip(*rows, strict=True)][:-1]
    padded = [[*map(set_cell_size, cells, widths), last] for *cells, last in rows]
    return [[Text(cell, "" if i else "bold") for cell in cells] for i, cells in enumerate(padded)]


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print `columns` of rows; lines are as long as they are, since a pipe has no width."""
    for line in columns(rows):
        console.print(Text.assemble(*line), soft_wrap=True)


def print_notes(notes: Sequence[str]) -> None:
    """Print what should be looked at, a line each."""
    for note in notes:
        console.print(escape(printable(note)), style="yellow", soft_wrap=True)
