"""What a backtest takes: rows of a table in their order, with the truth beside them."""

from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.events import SensorRow

__all__ = ["InputRows"]


@dataclass(frozen=True, slots=True)
class InputRows:
    """Some rows of a table.

    Parameters
    ----------
    names : tuple of str
        Sources.
    source : array of int, shape (n,)
        Index into `names`.
    ts : array, shape (n,)
        Event times in epoch seconds.
    channels : tuple of str
        Names of the columns of `values`.
    values : array, shape (n, d)
        Readings; NaN where there is none.
    anomaly : array of bool, shape (n,), or None
        Whether a row truly lies in an anomaly; None where the table does not say. Never shown to the monitor.
    changepoint : array of bool, shape (n,), or None
        Whether the process truly changed at a row; the same.

    Examples
    --------
    >>> rows = InputRows.of("pump-1", [10.0, 11.0], ("flow",), [[3.0], [float("nan")]])
    >>> [event.values for event in rows.events()]
    [{'flow': 3.0}, {'flow': None}]
    """

    names: tuple[str, ...]
    source: IntArray
    ts: FloatArray
    channels: tuple[str, ...]
    values: FloatArray
    anomaly: BoolArray | None = None
    changepoint: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.ts)

    @classmethod
    def of(
        cls,
        name: str,
        ts: FloatArray | list[float],
        channels: tuple[str, ...],
        values: FloatArray | list[list[float]],
        *,
        anomaly: BoolArray | None = None,
        changepoint: BoolArray | None = None,
    ) -> "InputRows":
        """Make rows of one source."""
        times = np.asarray(ts, dtype=np.float64)
        table = np.asarray(values, dtype=np.float64).reshape(len(times), len(channels))
        return cls(
            (name,), np.zeros(len(times), dtype=np.int64), times, channels, table, anomaly, changepoint
        )

    def events(self) -> list[SensorRow]:
        """Return the rows as the monitor gets them from the wire, where a missing reading is null."""
        table: list[list[float | None]] = self.values.tolist()
        for row, column in np.argwhere(np.isnan(self.values)).tolist():
            table[row][column] = None
        names, channels = self.names, self.channels
        return [
            SensorRow(names[code], ts, dict(zip(channels, row, strict=True)))
            for code, ts, row in zip(self.source.tolist(), self.ts.tolist(), table, strict=True)
        ]
