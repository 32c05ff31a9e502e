"""What a backtest takes: rows of a table in their order, with the truth beside them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.events import Group, Readings

__all__ = ["InputRows"]

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class InputRows:
    """Some rows of a table.

    Parameters
    ----------
    names : tuple of str
        Names of the sources.
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
    >>> rows.readings().groups[0].values.tolist()
    [[3.0], [nan]]
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

    def readings(self, first: int = 0) -> Readings:
        """Return the rows as a monitor takes them; their offsets count from `first`, and their times stand for those of records."""
        names = self.names
        group = Group(self.channels, np.arange(len(self)), self.values)
        return Readings(
            [names[code] for code in self.source.tolist()],
            self.ts,
            np.arange(first, first + len(self)),
            self.ts,
            [group] if len(self) else [],
        )
