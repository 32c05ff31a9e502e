"""What was understood of a table of readings, for people who check it before they believe a figure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stream_app.tables.cells import is_missing, is_word
from stream_app.tables.clock import Clock
from stream_app.tables.layout import Layout
from stream_app.tables.spread import Spread
from stream_app.tables.table import About, Block

__all__ = ["Understood", "understand"]


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood of a table, by its first rows.

    Parameters
    ----------
    time, source : str or None
        Columns with the event time and the source; None where rows are counted, and where the table is one source.
    channels, truth : tuple of str
        Columns to watch, and those that the monitor does not see.
    left_out : mapping of str to str
        Every other column, with its first cell that says something.
    container : str
        Format of the file, with compression, encoding and delimiter where there are such; empty for a frame.
    time_form : str or None
        How times are written: ``ISO 8601``, ``s``, ``ms``, ``us``, ``ns``, ``excel``, or the words of ``strptime``.
    time_zone : str
        Zone of times without an offset.
    period : float or None
        Usual distance of the readings of a source in seconds; None where it cannot be told.
    units : mapping of str to str
        Units by channel, where the table says them.
    missing : mapping of str to int
        Words in channels that say that nothing was measured, with how often the first rows have them.
    notes : tuple of str
        What was guessed or passed over.
    """

    time: str | None
    source: str | None
    channels: tuple[str, ...]
    truth: tuple[str, ...]
    left_out: Mapping[str, str]
    container: str = ""
    time_form: str | None = None
    time_zone: str = "UTC"
    period: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def understand(
    block: Block, layout: Layout, clock: Clock | None, spread: Spread | None, about: About
) -> Understood:
    """Say what was understood, by the first rows.

    Parameters
    ----------
    block : Block
        The first rows.
    layout, clock, spread
        What was found of them.
    about : About
        What is known of the file.
    """
    ts = None
    sources = None if layout.source is None else block.column(layout.source)
    if clock is not None and layout.time is not None:
        ts = replace(clock, _last={}).times(block.column(layout.time), sources)
    taken = {layout.time, layout.source, *layout.channels, *layout.labels}
    words = Counter(
        cell.strip()
        for column in layout.channels
        for cell in block.column(column)
        if isinstance(cell, str) and is_word(cell)
    )
    notes = list(about.notes)
    if spread is not None:
        notes.append(f"{spread.count} readings have each stamp: they are spread over its {spread.step:g} s")
    return Understood(
        layout.time,
        layout.source,
        layout.channels,
        layout.labels,
        {name: _example(cells) for name, cells in block.columns.items() if name not in taken},
        about.container,
        None if clock is None else clock.form,
        "UTC" if clock is None or clock.zone is None else clock.zone.key,
        None if ts is None else _period(ts, sources, 1 if spread is None else spread.count),
        {column: unit for column, unit in about.units.items() if column in layout.channels},
        dict(words),
        tuple(notes),
    )


def _example(cells: Sequence[Any]) -> str:
    return next((str(cell)[:40] for cell in cells if not is_missing(cell)), "")


def _period(ts: np.ndarray[Any, Any], sources: Sequence[Any] | None, count: int) -> float | None:
    """Return the time between readings of a source, in the middle."""
    groups: dict[Any, list[float]] = {}
    for row, stamp in enumerate(ts.tolist()):
        if np.isfinite(stamp):
            groups.setdefault(None if sources is None else sources[row], []).append(stamp)
    steps = [step for stamps in groups.values() for step in np.abs(np.diff(stamps)).tolist() if step > 0.0]
    return float(np.median(steps)) / count if steps else None
