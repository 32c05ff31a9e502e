"""What a run over tables takes as time, source, channels and truth, and what it leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_app.backtesting.show import duration
from stream_app.tables import InputTable
from stream_app.tables.cells import is_missing
from stream_app.tables.readings import find_layout
from stream_app.tables.table import first_rows

__all__ = ["Understood", "understand", "understood_rows"]

_MOST = 12
"""Names that a line lists."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the columns of a table were taken for.

    Parameters
    ----------
    time, source : str or None
        Columns with the event time and the source; None where rows are counted, and where the table is one source.
    channels, truth : tuple of str
        Columns to watch, and those that the monitor does not see.
    left_out : mapping of str to str
        Every other column, with its first cell that says something.
    """

    time: str | None
    source: str | None
    channels: tuple[str, ...]
    truth: tuple[str, ...]
    left_out: Mapping[str, str]


def understand(table: InputTable) -> Understood:
    """Say what the columns of a table were taken for, by its first rows.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    sample = first_rows(table.source.table).sample
    layout = find_layout(table.source.columns, sample, table.label)
    used = {layout.time, layout.source, *layout.channels, *layout.labels}
    return Understood(
        layout.time,
        layout.source,
        layout.channels,
        layout.labels,
        {
            name: next((str(cell)[:40] for cell in cells if not is_missing(cell)), "")
            for name, cells in sample.items()
            if name not in used
        },
    )


def understood_rows(found: Sequence[Understood], period: float | None) -> list[tuple[str, str]]:
    """Return what was understood as pairs of a name and a text.

    Parameters
    ----------
    found : sequence of Understood
        One for each table. Where they differ, the first is told, and that others differ.
    period : float or None
        Usual distance of rows in seconds.

    Examples
    --------
    >>> found = Understood("at", None, ("flow",), (), {"note": "ok", "empty": ""})
    >>> for row in understood_rows([found], 600.0):
    ...     print(*row, sep=": ")
    time: at; a row every 10 min
    source: no column, each file is one
    channels: flow
    left out: note (no number: 'ok'), empty (no value in the first rows)
    """
    first = found[0]
    told = f"; a row every {duration(period)}" if period else ""
    rows = [
        ("time", f"{first.time or 'no column, rows are counted'}{told}"),
        ("source", first.source or "no column, each file is one"),
        ("channels", _some(first.channels)),
    ]
    if first.truth:
        rows.append(("truth", f"{_some(first.truth)}, which the monitor does not see"))
    if first.left_out:
        rows.append(("left out", _some([_why(name, cell) for name, cell in first.left_out.items()])))
    others = sum(one != first for one in found)
    if others:
        rows.append(("other columns", f"in {others:,} of {len(found):,} files; this is the first"))
    return rows


def _why(name: str, cell: str) -> str:
    if not cell:
        return f"{name} (no value in the first rows)"
    try:
        float(cell)
    except ValueError:
        return f"{name} (no number: {cell!r})"
    return f"{name} (not asked for: {cell!r})"


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
