"""A ring of the newest rows of one source, and the statistics of the window over them."""

import math
from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.versions import expect_version
from stream_app.core.windows.summary import DEFAULT_QUANTILES, WindowSummary, summarise
from stream_app.errors import DataError, StateError

__all__ = ["RollingWindow"]

_VERSION = 1


class RollingWindow:
    """Keep the newest rows of one source and summarise them when asked.

    One ring serves windows by count ("the last 300 events") and by event time ("the last 60 seconds"): rows
    are only appended, and what a window holds is decided when its statistics are asked for. Rows may come
    slightly out of order; a window by time reaches back from the newest event time seen. How late a row may
    be is decided before it comes here.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    rows : int
        Rows kept: the length of a window by count and the cap of a window by time. When more rows than this
        fall into the time span, the newest by arrival are kept and the summary says ``truncated``.
    seconds : float or None
        Length of the window in seconds of event time: it holds the rows with ``newest - seconds < ts``. None:
        a window by count.
    quantiles : sequence of float
        Levels between 0 and 1.

    Raises
    ------
    DataError
        A parameter or the shape of a batch is unusable.

    Notes
    -----
    Memory: ``8 * rows * (d + 1)`` bytes and a few hundred more, 21 KiB for 300 rows of 8 channels. Cost: an
    update is one or two slice copies, 0.06 µs an event at 100 rows a batch; a summary about 100 µs at
    300 rows of 8 channels, so ask once a batch or once a second.

    Examples
    --------
    >>> import numpy as np
    >>> window = RollingWindow(["flow"], rows=100, seconds=10.0)
    >>> ts = np.arange(30.0)
    >>> window.update(ts, 2.0 * ts[:, None])
    >>> summary = window.summary()
    >>> summary.rows, summary.mean[0], summary.slope[0]
    (10, np.float64(49.0), np.float64(2.0))
    >>> window.summary(rows=3, seconds=None).min
    array([54.])
    """

    __slots__ = (
        "_filled",
        "_lost",
        "_newest",
        "_next",
        "_ts",
        "_values",
        "channels",
        "levels",
        "rows",
        "seconds",
    )

    def __init__(
        self,
        channels: Sequence[str],
        *,
        rows: int = 300,
        seconds: float | None = None,
        quantiles: Sequence[float] = DEFAULT_QUANTILES,
    ) -> None:
        if rows < 1:
            raise DataError(f"a window needs rows >= 1, got {rows}")
        if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
            raise DataError(f"a window's length in seconds must be positive, got {seconds}")
        if not all(0.0 <= level <= 1.0 for level in quantiles):
            raise DataError(f"levels of quantiles lie between 0 and 1, got {tuple(quantiles)}")
        self.channels = tuple(channels)
        self.rows = rows
        self.seconds = seconds
        self.levels = tuple(quantiles)
        self._ts: FloatArray = np.empty(rows)
        self._values: FloatArray = np.empty((rows, len(self.channels)))
        self._next = 0
        self._filled = 0
        self._newest = -math.inf
        # Newest event time among the rows that the ring had to give up.
        self._lost = -math.inf

    def __len__(self) -> int:
        """Rows kept now."""
        return self._filled

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Append a batch.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times, epoch seconds, finite.
        values : array_like, shape (n, d)
            A row an event; missing is NaN. Integers and booleans are taken as numbers.

        Raises
        ------
        DataError
            Shapes do not fit, or a time is not finite.
        """
        ts = np.asarray(ts, dtype=np.float64)
        values = np.asarray(values, dtype=np.float64)
        n = len(ts)
        if ts.ndim != 1 or values.shape != (n, len(self.channels)):
            raise DataError(
                f"a batch of shape {values.shape} with times of shape {ts.shape} does not fit "
                f"a window of {len(self.channels)} channels"
            )
        if n == 0:
            return
        newest = float(ts.max())
        if not (math.isfinite(newest) and math.isfinite(ts.min())):
            raise DataError("an event time is not a finite number; such events belong to the dead letters")
        self._newest = max(self._newest, newest)
        if n > self.rows:
            self._lost = max(self._lost, float(ts[: n - self.rows].max()))
            self._next = (self._next + n - self.rows) % self.rows
            ts, values, n = ts[-self.rows :], values[-self.rows :], self.rows
        head = min(n, self.rows - self._next)
        self._write(self._next, ts[:head], values[:head])
        if head < n:
            self._write(0, ts[head:], values[head:])
        self._next = (self._next + n) % self.rows
        self._filled = min(self.rows, self._filled + n)

    def _write(self, at: int, ts: FloatArray, values: FloatArray) -> None:
        end = at + len(ts)
        if at < self._filled:
            self._lost = max(self._lost, float(self._ts[at : min(end, self._filled)].max()))
        self._ts[at:end] = ts
        self._values[at:end] = values

    def view(self, *, rows: int | None = None, seconds: float | None = None) -> tuple[FloatArray, FloatArray]:
        """Copy the rows of a window, in order of arrival.

        Parameters
        ----------
        rows : int or None
            At most this many of the newest arrivals; None: all that are kept.
        seconds : float or None
            Only rows newer than the newest event time minus this; None: no bound.

        Returns
        -------
        ts : ndarray, shape (n,)
        values : ndarray, shape (n, d)
        """
        if self._filled < self.rows:
            ts, values = self._ts[: self._filled].copy(), self._values[: self._filled].copy()
        else:
            ts = np.concatenate([self._ts[self._next :], self._ts[: self._next]])
            values = np.concatenate([self._values[self._next :], self._values[: self._next]])
        if rows is not None:
            first = max(0, len(ts) - rows)
            ts, values = ts[first:], values[first:]
        if seconds is not None:
            inside = ts > self._newest - seconds
            if not inside.all():
                ts, values = ts[inside], values[inside]
        return ts, values

    def summary(
        self, *, rows: int | None = None, seconds: float | EllipsisType | None = ...
    ) -> WindowSummary:
        """Summarise the window.

        Parameters
        ----------
        rows : int or None
            Only this many of the newest arrivals.
        seconds : float or None
            Another length in seconds than the window's own, None for a window by count.

        Returns
        -------
        WindowSummary
        """
        span = self.seconds if isinstance(seconds, EllipsisType) else seconds
        ts, values = self.view(rows=rows, seconds=span)
        truncated = span is not None and self._lost > self._newest - span
        return summarise(ts, values, channels=self.channels, levels=self.levels, truncated=truncated)

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it bit for bit."""
        ts, values = self.view()
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "rows": self.rows,
            "seconds": self.seconds,
            "quantiles": list(self.levels),
            "ts": ts,
            "values": values,
            "newest": self._newest,
            "lost": self._lost,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild a window from `state`.

        Raises
        ------
        StateError
            The state is of another version or damaged.
        """
        expect_version(state, _VERSION, "the rolling window")
        try:
            window = cls(
                state["channels"], rows=state["rows"], seconds=state["seconds"], quantiles=state["quantiles"]
            )
            window.update(state["ts"], np.reshape(state["values"], (len(state["ts"]), len(window.channels))))
            window._newest, window._lost = float(state["newest"]), float(state["lost"])
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise StateError(f"a rolling window's state is damaged: {error}") from error
        return window
