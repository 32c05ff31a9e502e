"""Labelled predictions as a table to learn from, and its split by time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.errors import DataError
from stream_app.events import PredictionRow

__all__ = ["TrainingTable", "split_by_time", "table_of", "values_of"]

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows with a label, in the order of their times; made by `table_of`.

    Parameters
    ----------
    features : tuple of str
        Names of the columns of `values`.
    values : ndarray (n, features)
        NaN where a row has no such number.
    rows : tuple of PredictionRow
        The predictions, each with its label.
    """

    features: tuple[str, ...]
    values: FloatArray
    rows: tuple[PredictionRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> npt.NDArray[Any]:
        """True label of each row, as text."""
        return np.array([row.label for row in self.rows], dtype=np.str_)

    @property
    def times(self) -> FloatArray:
        """Time of each prediction, in epoch seconds."""
        return np.array([row.ts for row in self.rows], dtype=np.float64)

    def columns(self, features: Sequence[str]) -> FloatArray:
        """Return the values of some features, in their order.

        Raises
        ------
        DataError
            If a feature is not there.
        """
        places = {name: place for place, name in enumerate(self.features)}
        missing = [name for name in features if name not in places]
        if missing:
            raise DataError(
                f"the events have no feature {missing[0]!r}, which the model takes; there is {', '.join(self.features)[:300]}"
            )
        return self.values[:, [places[name] for name in features]]

    def part(self, first: int, end: int) -> "TrainingTable":
        """Return the rows from one to before another."""
        return TrainingTable(self.features, self.values[first:end], self.rows[first:end])


def table_of(
    rows: Sequence[PredictionRow],
    *,
    features: Sequence[str] = (),
    beside: Sequence[Mapping[str, float | None]] | None = None,
) -> TrainingTable:
    """Make a table of labelled predictions.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Each with a label.
    features : sequence of str
        Numbers of the events that become columns; all of them where none is named.
    beside : sequence of mapping, optional
        Further columns of each row, such as those of a feature view as of its time.

    Raises
    ------
    DataError
        If there is no row, or no number to learn from.

    Examples
    --------
    >>> rows = [PredictionRow("m", ts, str(ts), label="a", features={"x": ts, "y": None}) for ts in (2.0, 1.0)]
    >>> table = table_of(rows)
    >>> table.features, table.values[:, 0].tolist(), table.times.tolist()
    (('x', 'y'), [1.0, 2.0], [1.0, 2.0])
    """
    if not rows:
        raise DataError("there is no labelled prediction to learn from")
    order = sorted(range(len(rows)), key=lambda i: rows[i].ts)
    ordered = [rows[i] for i in order]
    extra: list[Mapping[str, float | None]] = [] if beside is None else [beside[i] for i in order]
    named = tuple(features) or tuple(sorted({name for row in ordered for name in row.features}))
    added = tuple(sorted({name for one in extra for name in one} - set(named)))
    if not named and not added:
        raise DataError("the events have no features: a model learns from the numbers that it was given")
    values = values_of(ordered, (*named, *added), extra)
    empty = [name for i, name in enumerate(named) if features and np.isnan(values[:, i]).all()]
    if empty:
        raise DataError(f"features: no event has the number {empty[0]!r}")
    return TrainingTable((*named, *added), values, tuple(ordered))


def values_of(
    rows: Sequence[PredictionRow],
    features: Sequence[str],
    beside: Sequence[Mapping[str, float | None]] = (),
) -> FloatArray:
    """Return numbers of some events, and of what is known beside each, NaN where there is none.

    Parameters
    ----------
    rows : sequence of PredictionRow, length n
    features : sequence of str
        The columns; those of an event win over those beside it.
    beside : sequence of mapping, length n or none
        Further numbers of each row.

    Returns
    -------
    ndarray (n, features)

    Examples
    --------
    >>> row = PredictionRow("m", 1.0, "a", features={"x": 2.0})
    >>> values_of([row], ("x", "spent_30m"), [{"spent_30m": 9.5}]).tolist()
    [[2.0, 9.5]]
    """
    values = np.full((len(rows), len(features)), np.nan)
    for at, row in enumerate(rows):
        given = {**beside[at], **row.features} if beside else row.features
        values[at] = [np.nan if (value := given.get(name)) is None else value for name in features]
    return values


def split_by_time(table: TrainingTable, later: float) -> tuple[TrainingTable, TrainingTable]:
    """Split a table into the rows to learn from and those that came later; rows of one time stay together.

    Parameters
    ----------
    table : TrainingTable
    later : float
        Share of the rows that came later.

    Raises
    ------
    DataError
        If all rows are of one time, so that none came later.

    Examples
    --------
    >>> rows = [PredictionRow("m", float(i // 2), str(i), label="a", features={"x": 1.0}) for i in range(10)]
    >>> [part.times.tolist() for part in split_by_time(table_of(rows), 0.3)]
    [[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]
    """
    times = table.times
    cut = int(np.searchsorted(times, times[max(0, len(table) - max(1, round(later * len(table))))]))
    if not cut:
        raise DataError(
            "most events have the same time: nothing came later on which a new model could be tried"
        )
    return table.part(0, cut), table.part(cut, len(table))
