"""One labelled series, as every benchmark of detection takes it, and the tables that series are read from."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["Series", "columns", "numbers", "runs", "seconds"]


@dataclass(frozen=True)
class Series:
    """Rows of one source with the truth beside them, which no detector is shown.

    Parameters
    ----------
    name : str
        File or run.
    ts : array, shape (n,)
        Event times in epoch seconds, as the file has them: a clock may repeat itself or leap.
    values : array, shape (n, d)
        Readings; NaN where there is none.
    truth : array of bool, shape (n,)
        Whether a row lies in an anomaly.
    warmup : int
        Rows from which a detector may learn its reference.
    scored_from : int
        First row that counts.
    changepoint : array of bool, shape (n,), or None
        Whether the process changes at a row.
    training : array, shape (m, d), or None
        Rows of normal operation that the data set has beside the series. Opponents are fitted on them; the monitor
        does not get them.
    windows : list of (first, last)
        Labelled windows of rows, where the data set has windows (NAB); else the runs of `truth` that are scored.
    """

    name: str
    ts: np.ndarray
    values: np.ndarray
    truth: np.ndarray
    warmup: int = 400
    scored_from: int = 0
    changepoint: np.ndarray | None = None
    training: np.ndarray | None = None
    windows: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self):
        return len(self.ts)

    @property
    def spacing(self):
        """Median seconds between two rows."""
        return float(np.median(np.diff(self.ts)))

    @property
    def normal_days(self):
        """Days of scored rows outside of anomalies."""
        return int((~self.truth[self.scored_from :]).sum()) * self.spacing / 86_400.0

    def rate(self, budget):
        """Return the alarms an event that a budget such as ``"1 per day"`` or ``"1 per 1000 events"`` allows."""
        count, _, period = budget.partition(" per ")
        if period.endswith(" events"):
            return float(count) / float(period.removesuffix(" events"))
        return float(count) * self.spacing / {"day": 86_400.0, "week": 604_800.0}[period]


def runs(truth, first=0):
    """Return the first and the last row of each run of true rows, of those from row `first` on."""
    padded = np.concatenate(([False], truth[first:], [False]))
    turns = np.flatnonzero(padded[1:] != padded[:-1]) + first
    return [(int(begin), int(end) - 1) for begin, end in zip(turns[::2], turns[1::2], strict=True)]


def columns(path: Path, separator=","):
    """Return the columns of a CSV file, gzipped or not, as they stand there."""
    table = pl.read_csv(path, separator=separator, infer_schema=False)
    return {name: table[name] for name in table.columns}


def numbers(column):
    """Return a column as numbers; NaN where it has none."""
    return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()


def seconds(texts):
    """Return epoch seconds of times as ISO 8601 has them, UTC where they name no zone."""
    return np.array(
        [datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=UTC).timestamp() for text in texts]
    )
