"""What was understood of a table of readings, for people who check it before they believe a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stream_app.tables.cells import as_text, is_missing, is_word
from stream_app.tables.clock import Clock
from stream_app.tables.layout import Layout
from stream_app.tables.spread import Spread
from stream_app.tables.table import Block

__all__ = ["Understood", "understand"]


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood of a table, by its first rows.

    Parameters
    ----------
    file : str
        What the table is called.
    container : str
        Format, with compression, encoding and delimiter where there are such.
    time : str or None
        Column with the event time; None where rows are counted.
    time_form : str or None
        How it is written: ``ISO 8601``, ``s``, ``ms``, ``us``, ``ns``, ``excel``, or the words of ``strptime``.
    time_zone : str
        Zone of times without an offset.
    first : float or None
        Event time of the first row, epoch seconds.
    period : float or None
        Seconds between the readings of a source, in the middle; None where they cannot be told.
    source : str or None
        Column with the name of each row's source; None where the table is one.
    sources : tuple of str
        Those of the first rows.
    channels, labels : tuple of str
        Columns that are read, and those with the truth.
    units : mapping of str to str
        Units by column, where the table says them.
    left_out : mapping of str to str
        Columns that are not read, each with a cell of it.
    missing : mapping of str to int
        Words that say that nothing was measured, with how often the first rows have them.
    notes : tuple of str
        What to know of it: sentences.
    """

    file: str
    container: str
    time: str | None
    time_form: str | None
    time_zone: str
    first: float | None
    period: float | None
    source: str | None
    sources: tuple[str, ...]
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def understand(
    block: Block,
    layout: Layout,
    clock: Clock | None,
    spread: Spread | None,
    about: tuple[str, str, Mapping[str, str], Sequence[str]],
    name: str,
) -> Understood:
    """Say what was understood, by the first rows.

    Parameters
    ----------
    block : Block
        The first rows.
    layout, clock, spread
        What was found of them.
    about : tuple
        Name, container, units and notes of the file.
    name : str
        Source of the rows where no column names it.
    """
    file, container, units, notes = about
    ts = None
    if clock is not None and layout.time is not None:
        clock = Clock(clock.form, clock.zone, clock.coarse, clock.descending)
        ts = clock.times(block.column(layout.time))
    sources: Sequence[Any] = [name] if layout.source is None else block.column(layout.source)
    taken = {layout.time, layout.source, *layout.channels, *layout.labels}
    out = {c: _example(cells) for c, cells in block.columns.items() if c not in taken}
    words: dict[str, int] = {}
    for column in layout.channels:
        for cell in block.column(column):
            if isinstance(cell, str) and is_word(cell):
                words[cell.strip()] = words.get(cell.strip(), 0) + 1
    said = list(notes)
    if spread is not None:
        said.append(
            f"{spread.count} readings have each stamp of {layout.time!r}: they are spread over its {spread.step:g} s"
        )
    if clock is not None and clock.descending:
        said.append("the newest row is first: sort the rows by time")
    first = None if ts is None or not np.isfinite(ts).any() else float(ts[np.isfinite(ts)][0])
    count = 1 if spread is None else spread.count
    return Understood(
        file,
        container,
        layout.time,
        None if clock is None else clock.form,
        "UTC" if clock is None or clock.zone is None else clock.zone.key,
        first,
        None if ts is None else _period(ts, sources if layout.source else None, count),
        layout.source,
        tuple(dict.fromkeys(str(one) for one in sources if not is_missing(one)))[:12],
        layout.channels,
        layout.labels,
        {column: unit for column, unit in units.items() if column in layout.channels},
        out,
        words,
        tuple(said),
    )


def _example(cells: Sequence[Any]) -> str:
    cell = next((cell for cell in cells if not is_missing(cell)), None)
    return (
        "nothing in it"
        if cell is None
        else repr(cell if isinstance(cell, str) else as_text(cell) or cell)[:42]
    )


def _period(ts: np.ndarray[Any, Any], sources: Sequence[Any] | None, count: int) -> float | None:
    """Return the time between readings of a source, in the middle."""
    groups: dict[Any, list[float]] = {}
    for row, stamp in enumerate(ts.tolist()):
        if np.isfinite(stamp):
            groups.setdefault(None if sources is None else sources[row], []).append(stamp)
    steps = [step for stamps in groups.values() for step in np.abs(np.diff(stamps)).tolist() if step > 0.0]
    return float(np.median(steps)) / count if steps else None
