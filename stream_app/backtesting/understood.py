"""What a run over tables takes as time, source, channels and truth, and what it leaves out."""

from collections.abc import Iterable, Sequence

from stream_app.backtesting.show import duration
from stream_app.tables import InputTable
from stream_app.tables.left_out import LeftOut
from stream_app.tables.time_forms import ISO
from stream_app.tables.understood import Understood

__all__ = ["Understood", "left_out_notes", "understand", "understood_rows"]

_MOST = 12
"""Names that a line lists."""


def understand(table: InputTable) -> Understood:
    """Say what the columns of a table were taken for, by its first rows.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    return table.source.understood()


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
    form = (
        f" ({_form(first)})"
        if first.time_form and (first.time_form != ISO or first.time_zone != "UTC")
        else ""
    )
    rows = [
        *([("file", first.container)] if first.container else []),
        ("time", f"{first.time or 'no column, rows are counted'}{form}{told}"),
        ("source", first.source or "no column, each file is one"),
        ("channels", _some([_with_unit(name, first) for name in first.channels])),
    ]
    if first.truth:
        rows.append(("truth", f"{_some(first.truth)}, which the monitor does not see"))
    if first.left_out:
        rows.append(("left out", _some([_why(name, cell) for name, cell in first.left_out.items()])))
    rows += [("note", note) for note in first.notes]
    others = sum(one != first for one in found)
    if others:
        rows.append(("other columns", f"in {others:,} of {len(found):,} files; this is the first"))
    return rows


def left_out_notes(tables: Iterable[InputTable]) -> list[str]:
    """Return what was left out of tables while they were read, such as cells that are no numbers, with the first of each."""
    left = LeftOut()
    for table in tables:
        for reason, count in table.source.left.counts.items():
            left.add(reason, count, table.source.left.first[reason])
    return [f"left out {count:,}: {reason}" for reason, count in left.summary.items()]


def _form(found: Understood) -> str:
    names = {
        "s": "epoch seconds",
        "ms": "epoch ms",
        "us": "epoch µs",
        "ns": "epoch ns",
        "excel": "days of Excel",
    }
    form = names.get(found.time_form or "", found.time_form or "")
    return form if found.time_zone == "UTC" else f"{form}, {found.time_zone}"


def _with_unit(name: str, found: Understood) -> str:
    return f"{name} in {found.units[name]}" if name in found.units else name


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
