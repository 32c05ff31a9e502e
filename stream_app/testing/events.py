"""Events for tests."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream_app.errors import DataError
from stream_app.events import SensorRow
from stream_app.testing.clock import Clock

__all__ = ["reading", "readings"]


def reading(source: str = "pump-1", *, ts: float = 1_700_000_000.0, **values: float | None) -> SensorRow:
    """Make one reading; channels are given by name, None is a missing one.

    Examples
    --------
    >>> reading("pump-2", ts=10.0, flow=3.5).values
    {'flow': 3.5}
    """
    return SensorRow(source, ts, dict(values) or {"flow": 0.0})


def readings(
    values: npt.ArrayLike,
    channels: Sequence[str],
    *,
    source: str = "pump-1",
    clock: Clock | None = None,
    period: float = 1.0,
) -> list[SensorRow]:
    """Make readings of one source, a row each.

    Parameters
    ----------
    values : array, shape (n, d) or (n,) for one channel
        NaN where there is no reading; it becomes None, as on the wire.
    channels : sequence of str
        Names of the d channels.
    source : str
        Name of the source.
    clock : Clock, optional
        Gives the time of the first reading, and stands where the next would come afterwards.
    period : float
        Seconds between readings.

    Raises
    ------
    DataError
        If the shape does not fit the channels.

    Examples
    --------
    >>> clock = Clock(100.0)
    >>> [(row.ts, row.values) for row in readings([1.0, float("nan")], ["flow"], clock=clock)], clock()
    ([(100.0, {'flow': 1.0}), (101.0, {'flow': None})], 102.0)
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or table.shape[1] != len(channels):
        raise DataError(f"values of shape {table.shape} for {len(channels)} channels; give a column each")
    clock = Clock() if clock is None else clock
    begin = clock()
    clock.advance(period * len(table))
    return [
        SensorRow(
            source,
            begin + i * period,
            {name: None if np.isnan(value) else value for name, value in zip(channels, row, strict=True)},
        )
        for i, row in enumerate(table.tolist())
    ]
