"""The newest windows of a platform: values and deviations of all series, of which causes are ranked.

Their number is bounded by what they take: many windows of few series, fewer of many. As long as an incident is open, those from
before its onset stay, and the next ones leave instead. Numbers are kept in single precision.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.series import Episode, Series, WindowResult
from stream_app.core.platform.stored import expect, stored_array
from stream_app.core.versions import expect_version

__all__ = ["RecentWindows"]

_VERSION = 1
_CELLS = 1_000_000
_FEWEST, _MOST = 30, 240
_FARTHEST = 3e38
_BEFORE = 3
"""A third of the windows, at most, are from before the onset of an open incident."""


class RecentWindows:
    """Values and deviations in the newest windows.

    Examples
    --------
    >>> recent = RecentWindows()
    >>> for end in (60.0, 120.0):
    ...     recent.add(end, np.array([1.0]), np.array([0.5]))
    >>> recent.last(0), recent.ends.tolist()
    (1.0, [60.0, 120.0])
    """

    def __init__(self) -> None:
        self._ends = np.zeros(0)
        self._values: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._deviations: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def __len__(self) -> int:
        """Return how many windows there are."""
        return len(self._ends)

    @property
    def width(self) -> int:
        """How many series the newest window has."""
        return int(self._values.shape[1])

    @property
    def ends(self) -> FloatArray:
        """Ends of the windows, epoch seconds."""
        return self._ends

    @property
    def deviations(self) -> FloatArray:
        """Deviations in the newest window."""
        newest: FloatArray = self._deviations[-1].astype(np.float64)
        return newest

    def add(self, end: float, values: FloatArray, deviations: FloatArray, onset: float | None = None) -> None:
        """Add a window; `onset` is that of the incident which is open."""
        width, count = self._values.shape[1], len(self._ends)
        if len(values) > width:
            more = ((0, 0), (0, len(values) - width))
            self._values = np.pad(self._values, more, constant_values=np.nan)
            self._deviations = np.pad(self._deviations, more, constant_values=np.nan)
        most = min(_MOST, max(_FEWEST, _CELLS // max(1, len(values))))
        excess = count + 1 - most
        kept = 0
        if excess > 0 and onset is not None:
            kept = min(most // _BEFORE, int(np.searchsorted(self._ends, onset, side="right")))
        keep = np.ones(count, dtype=np.bool_)
        keep[kept : kept + max(0, excess)] = False
        self._ends = np.append(self._ends[keep], end)
        # Single precision ends where a number of a metric does not.
        narrow = np.clip(values, -_FARTHEST, _FARTHEST).astype(np.float32)
        self._values = np.vstack([self._values[keep], narrow[None]])
        self._deviations = np.vstack([self._deviations[keep], deviations[None].astype(np.float32)])

    def forget(self, slots: Sequence[int]) -> None:
        """Let others stand in some places from the next window on."""
        self._values[:, list(slots)] = np.nan
        self._deviations[:, list(slots)] = np.nan

    def newest(self, slot: int) -> float:
        """Return the value of a series in the newest window; NaN where it has none."""
        return float(self._values[-1, slot]) if self._has(slot) else float("nan")

    def last(self, slot: int) -> float:
        """Return the newest value of a series that is known; NaN where none is."""
        return _last(self._values[:, slot]) if self._has(slot) else float("nan")

    def last_deviation(self, slot: int) -> float:
        """Return the newest deviation of a series that is known; NaN where none is."""
        return _last(self._deviations[:, slot]) if self._has(slot) else float("nan")

    def _has(self, slot: int) -> bool:
        return slot < self._values.shape[1] and len(self._ends) > 0

    def episode(self, result: WindowResult, series: Sequence[Series]) -> Episode:
        """Return the windows as an episode of what is or was open."""
        return Episode(
            ends=self._ends,
            values=self._values.astype(np.float64),
            deviations=self._deviations.astype(np.float64),
            usual_low=result.usual_low,
            usual_high=result.usual_high,
            series=tuple(series),
            onset=result.onset,
        )

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {
            "version": _VERSION,
            "ends": self._ends,
            "values": self._values,
            "deviations": self._deviations,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the newest windows")
        what = "newest windows"
        self._ends = stored_array(state["ends"], (None,), what)
        count = len(self._ends)
        expect(count <= _MOST and bool((np.diff(self._ends) > 0.0).all()), what)
        self._values = stored_array(state["values"], (count, None), what, dtype=np.float32, unknown=True)
        self._deviations = stored_array(
            state["deviations"], self._values.shape, what, dtype=np.float32, unknown=True
        )


def _last(column: npt.NDArray[np.float32]) -> float:
    known = np.flatnonzero(np.isfinite(column))
    return float(column[known[-1]]) if len(known) else float("nan")
