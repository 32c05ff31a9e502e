"""Tables of training: instants and training sets that are read, training rows that are written."""

import csv
import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.features import FeatureView
from stream_app.errors import MissingExtraError, SettingsError, SourceError
from stream_app.features import HistoryRow
from stream_app.replacing import replacing
from stream_app.tables.cells import mark_entities
from stream_app.tables.clock import find_clock
from stream_app.tables.columns import listed
from stream_app.tables.format import FileFormat
from stream_app.tables.whole import WholeTable, read_whole

__all__ = ["Instants", "read_instants", "read_training", "write_rows"]

_ENTITY = "entity"
_TIMES = ("at", "ts")
_EVENT_TS, _INCOMPLETE = "event_ts", "incomplete"


@dataclass(frozen=True, slots=True)
class Instants:
    """Who and when, with what else the file says of each.

    Parameters
    ----------
    asked : list of (str, float)
        Entity, and epoch seconds.
    others : dict of str to list
        The other columns, a label perhaps.
    notes : list of str
        Rows that were left out, by reason, with the first of each.
    """

    asked: list[tuple[str, float]]
    others: dict[str, list[Any]]
    notes: list[str]


def read_instants(path: Path, view: FeatureView) -> Instants:
    """Read a file with the columns ``entity`` (or the view's word for it) and ``at`` (or ``ts``).

    Raises
    ------
    SourceError
        If the file cannot be read, a column is missing, or fewer rows have an entity and an instant than have not.
    """
    table = read_whole([str(path)])
    who = _first(table, dict.fromkeys((_ENTITY, view.entity)))
    when = _first(table, _TIMES)
    cells = table.columns[when]
    names, codes, bad = mark_entities(table.columns[who], str.strip, None)
    instants = find_clock(cells, when, str(path)).times(cells)
    for reason, mask in bad.items():
        table.refuse(mask, who, reason)
    table.refuse(np.isnan(instants), when, "no moment between 1970 and 2099")
    kept = (codes >= 0) & ~np.isnan(instants)
    if table.problem is not None:
        raise SourceError(f"{path}: {table.problem}")
    asked = [
        (names[code], at) for code, at in zip(codes[kept].tolist(), instants[kept].tolist(), strict=True)
    ]
    rows = table.only(kept)
    others = {name: column for name, column in rows.columns.items() if name not in {who, when}}
    return Instants(asked, others, table.notes)


def _first(table: WholeTable, names: Iterable[str]) -> str:
    """Return the first of some columns that is there."""
    wanted = list(names)
    found = next((name for name in wanted if name in table.columns), None)
    if found is None:
        there = listed(table.columns)
        raise SourceError(f"{table.files[0]}: no column {' or '.join(wanted)}; there is {there}")
    return found


def read_training(path: Path, view: FeatureView) -> tuple[dict[str, FloatArray], list[str]]:
    """Read the columns of a training set (Parquet, JSONL, CSV with commas) that are features of a view.

    Returns
    -------
    columns : dict of str to ndarray
        NaN where there is no value.
    notes : list of str
        Cells that are no numbers, with the first of each column, and rows that were left out.

    Raises
    ------
    SourceError
        If the file cannot be read, has none of the features, or a column has more cells that are no numbers than numbers.
    """
    # A file of one column has no delimiter that could be found.
    table = read_whole([str(path)], FileFormat(delimiter=","))
    names = [feature.name for feature in view.features if feature.name in table.columns]
    if not names:
        raise SourceError(f"{path}: no column is a feature of {view.key}; there is {listed(table.columns)}")
    columns = {name: table.numbers(name) for name in names}
    return columns, table.notes


def write_rows(path: Path, rows: Sequence[HistoryRow], others: Mapping[str, Sequence[Any]]) -> None:
    """Write training rows as Parquet or CSV, by the file's ending; it appears under its name when it is complete.

    The columns are ``entity``, ``at``, those that the instants had beside, the features, ``event_ts`` and
    ``incomplete``, the names of features that are empty because their events are not kept any more.

    Raises
    ------
    SettingsError
        If it cannot be written there, another format is asked for, or two columns have the same name.
    """
    features = list(rows[0].values) if rows else []
    taken = {_ENTITY, "at", _EVENT_TS, _INCOMPLETE, *features}
    twice = sorted(taken.intersection(others))
    if twice:
        raise SettingsError(
            f"{path}: the instants have a column {twice[0]!r}, which is one of the rows; rename it"
        )
    table: dict[str, Sequence[Any]] = {
        _ENTITY: [row.entity for row in rows],
        "at": [row.at for row in rows],
        **others,
        **{name: [row.values[name] for row in rows] for name in features},
        _EVENT_TS: [row.event_ts for row in rows],
        _INCOMPLETE: [" ".join(row.incomplete) for row in rows],
    }
    write = check_output(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            write(part, table, features)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from None


def check_output(path: Path) -> Any:
    """Return what writes a file of this ending.

    Raises
    ------
    MissingExtraError
        If that needs pyarrow, which is not installed.
    SettingsError
        If nothing does.
    """
    ending = path.suffix.casefold()
    if ending == ".csv":
        return _write_csv
    if ending != ".parquet":
        raise SettingsError(f"{path}: unknown format; .parquet or .csv is expected")
    try:
        importlib.import_module("pyarrow")
    except ImportError:
        raise MissingExtraError(f"{path}: Parquet needs", "pyarrow", "parquet") from None
    return _write_parquet


def _write_csv(path: Path, table: Mapping[str, Sequence[Any]], _: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        # None is an empty cell, and a float is written so that it reads back the same.
        writer.writerows(zip(*table.values(), strict=True))


def _write_parquet(path: Path, table: Mapping[str, Sequence[Any]], features: Sequence[str]) -> None:
    pa, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    numbers = {*features, "at", _EVENT_TS}

    def column(name: str, cells: Sequence[Any]) -> Any:
        if name in numbers:
            return pa.array(cells, pa.float64())
        if len({type(cell) for cell in cells if cell is not None}) > 1:
            cells = [None if cell is None else str(cell) for cell in cells]
        return pa.array(cells)

    parquet.write_table(pa.table({name: column(name, cells) for name, cells in table.items()}), path)
