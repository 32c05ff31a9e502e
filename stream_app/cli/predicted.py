"""Files of predictions as columns of texts: what was answered, what is true, and by which version or about which group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from producers.predictions.columns import ID_NAMES, LABEL_NAMES, PREDICTION_NAMES
from producers.sources.columns import listed
from producers.sources.files import find_tables
from producers.sources.table import BLOCK
from stream_app.cli.file_columns import delimiter_of
from stream_app.cli.prediction_cells import as_object, as_text, lengthen
from stream_app.errors import SourceError

__all__ = ["PANEL", "LabelColumnOption", "PredictedRows", "PredictionColumnOption", "read_predicted"]

PANEL = "Columns (found out where there is no doubt)"

PredictionColumnOption = Annotated[
    str | None,
    typer.Option(help="What the model said; else prediction or the like.", rich_help_panel=PANEL),
]
LabelColumnOption = Annotated[
    str | None, typer.Option(help="What is true; else label or the like.", rich_help_panel=PANEL)
]

_OBJECTS = ("categories", "features")


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """Rows with a prediction, in the order of the files.

    Parameters
    ----------
    predicted : list of str
        What was answered.
    truth : list of str or None
        What is true, where it is known.
    by : list of str or None
        The column that was asked for: a group or a version.
    ids : list of str or None
        What was asked; None where rows have no id.
    left_out : int
        Rows without a prediction.
    """

    predicted: list[str]
    truth: list[str | None]
    by: list[str | None]
    ids: list[str | None]
    left_out: int


def read_predicted(
    paths: Sequence[str],
    *,
    by: str | None,
    usual_by: Iterable[str] = (),
    by_option: str,
    prediction: str | None = None,
    label: str | None = None,
    delimiter: str | None = None,
) -> PredictedRows:
    """Read files of predictions; a truth in a row of its own is joined by its id.

    Parameters
    ----------
    paths : sequence of str
        Files, directories or globs.
    by : str or None
        Column to read beside predictions, also inside the objects ``categories`` and ``features`` of prediction events.
    usual_by, by_option
        Its usual names, where none is said, and the option to say one.
    prediction, label : str or None
        Their columns; those of the usual names where none are said.
    delimiter : str or None
        Between the cells of CSV files.

    Raises
    ------
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """
    columns, first, count = _read(paths, delimiter)
    said = _find(columns, first, prediction, PREDICTION_NAMES, "--prediction-column")
    predicted = _texts(columns[said])
    truth = _texts(columns[_find(columns, first, label, LABEL_NAMES, "--label-column")])
    others = _texts(_inside(columns, by) or columns[_find(columns, first, by, usual_by, by_option)])
    named = [name for name in sorted(ID_NAMES) if name in columns]
    ids = _texts(columns[named[0]]) if named else [None] * count
    late = {
        ident: told
        for ident, answer, told in zip(ids, predicted, truth, strict=True)
        if ident is not None and answer is None and told is not None
    }
    rows = [
        (answer, late.get(ident or "") if told is None else told, other, ident)
        for answer, told, other, ident in zip(predicted, truth, others, ids, strict=True)
        if answer is not None
    ]
    if not rows:
        raise SourceError(f"{first}: no row has a prediction")
    # Rows that bring only a truth are used, not left out.
    left_out = sum(answer is None and told is None for answer, told in zip(predicted, truth, strict=True))
    return PredictedRows(
        [answer for answer, *_ in rows],
        [told for _, told, *_ in rows],
        [other for *_, other, _ in rows],
        [ident for *_, ident in rows],
        left_out,
    )


def _read(paths: Sequence[str], delimiter: str | None) -> tuple[dict[str, list[Any]], str, int]:
    columns: dict[str, list[Any]] = {}
    count = 0
    tables = find_tables(paths, delimiter_of(delimiter))
    for table, _ in tables:
        for block in table.blocks(BLOCK):
            lengthen(columns, block.columns, before=count, rows=len(block.lines))
            count += len(block.lines)
    if not count:
        raise SourceError(f"{', '.join(paths)}: no rows")
    return columns, str(tables[0][0].path), count


def _find(columns: Mapping[str, Any], first: str, said: str | None, usual: Iterable[str], option: str) -> str:
    if said is not None:
        if said not in columns:
            raise SourceError(f"{first}: {option}: no column {said!r}; there is {listed(columns)}")
        return said
    found = [name for name in sorted(usual) if name in columns]
    if len(found) != 1:
        fit = f"{' and '.join(map(repr, found))} both fit" if found else "no column fits"
        raise SourceError(f"{first}: {fit}; choose one with {option} (there is {listed(columns)})")
    return found[0]


def _inside(columns: Mapping[str, list[Any]], name: str | None) -> list[Any] | None:
    """Return a column out of the objects of prediction events, if it is in one."""
    if name is None or name in columns:
        return None
    for group in _OBJECTS:
        cells = [as_object(cell) for cell in columns.get(group, ())]
        if any(name in cell for cell in cells):
            return [cell.get(name) for cell in cells]
    return None


def _texts(cells: Sequence[Any]) -> list[str | None]:
    """Return cells as the texts that labels have on the wire."""
    return [as_text(cell) for cell in cells]
