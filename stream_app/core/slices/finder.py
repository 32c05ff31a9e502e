"""The search for weak slices over a sliding window of predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.slices.bins import MISSING, Bins, CategoryBins, NumberBins, bins_from_state
from stream_app.core.slices.config import SliceConfig
from stream_app.core.slices.rules import Slice, is_missing
from stream_app.core.slices.selection import Window, select
from stream_app.core.slices.tables import PairTables
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError

__all__ = ["SliceFinder"]

_VERSION = 1
_FIRST = 64
"""Bins are not laid by fewer rows."""

_NEW = -2
"""Code of a category that has none yet."""


class SliceFinder:
    """Search for weak slices in a sliding window of predictions.

    Looks at the newest `config.window` rows. Numeric features are cut at quantiles; every interval, every category,
    missing values, and all pairs of these of two features are candidates. Use it to learn where a model fails:
    its error rate overall may be unchanged while it has become useless for one site, or for dark images.

    The chance that any slice is reported where errors have nothing to do with the features is at most
    `config.alpha` each time: one-sided Fisher tests of all candidates, corrected by a weighted Bonferroni rule
    whose weights are set before errors are looked at (half for single conditions, half for pairs; half for
    intervals with one bound, half for those with two). It holds given that rows are independent; see
    `SliceConfig.lag` for those that are not. Where some slices are weak, others beside them are tested on the rows
    that these do not explain.

    Parameters
    ----------
    numeric, categorical : sequence of str
        Names of the features, each once.
    config : SliceConfig
        Level of the search and limits of reported slices.

    Raises
    ------
    SettingsError
        If there is no feature, or two have the same name.

    Notes
    -----
    `update` keeps rows, 2 µs an event of 16 numbers and 4 categories; counting waits for `find`, which adds the rows
    that came and takes out those that left, 4 ns an event and pair of features, and searches all boxes, 0.2 ms a
    pair, once more if there are any slices: 30 to 100 ms for 20 features. Bins are laid anew each time that the window is
    full of new rows, so that they follow a drift. State: 8 bytes a row and feature.

    References
    ----------
    Ackerman, S., Raz, O. and Zalmanovici, M. (2020). FreaAI: Automated extraction of data slices to test machine
    learning models. EDSMLS 2020.
    Genovese, C. R., Roeder, K. and Wasserman, L. (2006). False discovery control with p-value weighting.
    Biometrika 93.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> sharpness, site = rng.random(4000), np.array(["north", "south"], dtype=object)[rng.integers(0, 2, 4000)]
    >>> weak = (sharpness <= 0.2) & (site == "north")
    >>> finder = SliceFinder(("sharpness",), ("site",), SliceConfig(window=4000))
    >>> finder.update(sharpness[:, None], site[:, None], rng.random(4000) < np.where(weak, 0.4, 0.05))
    >>> [(one.rule, one.n, round(one.metric, 2)) for one in finder.find()]
    [('sharpness <= 0.195 and site = "north"', 381, 0.41)]
    """

    def __init__(
        self, numeric: Sequence[str], categorical: Sequence[str] = (), config: SliceConfig | None = None
    ) -> None:
        self.numeric, self.categorical = tuple(numeric), tuple(categorical)
        features = self.numeric + self.categorical
        if not features or len(set(features)) != len(features):
            raise SettingsError(f"features are {features!r}; expected at least one, each named once")
        self.config = config or SliceConfig()
        self._seen = 0
        # The newest rows in order of arrival, up to two windows of them; what is before `_end` minus a window is spent.
        room = 2 * self.config.window
        self._end = 0
        self._values: FloatArray = np.empty((len(self.numeric), room))
        self._categories: IntArray = np.empty((len(self.categorical), room), np.int64)
        self._wrong: BoolArray = np.empty(room, np.bool_)
        self._names: list[dict[str, int]] = [{} for _ in self.categorical]
        self._bins: tuple[Bins, ...] = ()
        self._fine: IntArray = np.empty((len(features), room), np.int64)
        self._tables: PairTables | None = None
        self._counted = (0, 0)

    def __len__(self) -> int:
        """Rows in the window."""
        return min(self._seen, self.config.window)

    def update(self, numeric: npt.ArrayLike, categorical: npt.ArrayLike, wrong: npt.ArrayLike) -> None:
        """Take the next rows, those whose truth is known.

        Parameters
        ----------
        numeric : array_like of float, shape (n, d)
            A column a numeric feature; what is not finite is missing.
        categorical : array_like of object, shape (n, k)
            A column a categorical feature; None and NaN are missing, anything else is taken as its text.
        wrong : array_like of bool, shape (n,)
            Whether the model was wrong.

        Raises
        ------
        DataError
            If shapes do not fit.
        """
        wrong = np.asarray(wrong, dtype=np.bool_)
        values = np.asarray(numeric, dtype=np.float64)
        cells = np.asarray(categorical, dtype=object)
        expected = (len(wrong), len(self.numeric)), (len(wrong), len(self.categorical))
        if wrong.ndim != 1 or (values.shape, cells.shape) != expected:
            raise DataError(
                f"a batch of {wrong.shape} rows with numbers of shape {values.shape} and categories of shape "
                f"{cells.shape} does not fit; expected {expected[0]} and {expected[1]}"
            )
        start = 0
        while start < len(wrong):
            if self._end == len(self._wrong):
                self._shift()
            room = min(
                _next_laying(self._seen, self.config.window) - self._seen, len(self._wrong) - self._end
            )
            part = slice(start, start + room)
            self._append(values[part], cells[part], wrong[part])
            start += room

    def find(self) -> tuple[Slice, ...]:
        """Search the window.

        Returns
        -------
        tuple of Slice
            Those that explain most first; none as long as there are fewer than 64 rows or so.
        """
        if not self._bins:
            return ()
        tables = self._count()
        rows = slice(self._end - len(self), self._end)
        return select(Window(self._bins, self._fine[:, rows], self._wrong[rows], tables), self.config)

    def state(self) -> dict[str, Any]:
        """Return everything as plain values; counts are not among them, since rows give them again."""
        rows = slice(self._end - len(self), self._end)
        return {
            "version": _VERSION,
            "numeric": list(self.numeric),
            "categorical": list(self.categorical),
            "config": asdict(self.config),
            "seen": self._seen,
            "values": self._values[:, rows].copy(),
            "categories": self._categories[:, rows].astype(np.int32),
            "names": [list(names) for names in self._names],
            "wrong": self._wrong[rows].copy(),
            "bins": [one.state() for one in self._bins],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore a finder from its state.

        Raises
        ------
        StateError
            If the state is of another version.
        """
        expect_version(state, _VERSION, "the slice finder")
        finder = cls(state["numeric"], state["categorical"], SliceConfig(**state["config"]))
        rows = len(state["wrong"])
        finder._seen, finder._end = state["seen"], rows
        finder._values[:, :rows] = state["values"]
        finder._categories[:, :rows] = state["categories"]
        finder._wrong[:rows] = state["wrong"]
        finder._names = [{name: code for code, name in enumerate(names)} for names in state["names"]]
        finder._bins = tuple(bins_from_state(one) for one in state["bins"])
        return finder

    def _append(self, values: FloatArray, cells: npt.NDArray[np.object_], wrong: BoolArray) -> None:
        """Take rows for which there is room, and which do not go beyond the next laying of bins."""
        rows = slice(self._end, self._end + len(wrong))
        self._values[:, rows] = values.T
        self._wrong[rows] = wrong
        for at, names in enumerate(self._names):
            self._categories[at, rows] = _codes(cells[:, at].tolist(), names)
        before, self._end, self._seen = self._seen, rows.stop, self._seen + len(wrong)
        if self._seen == _next_laying(before, self.config.window):
            self._lay_bins()

    def _lay_bins(self) -> None:
        """Cut the features anew by what is in the window, and forget categories that are not."""
        rows = slice(self._end - len(self), self._end)
        # Until bins are laid anew the window may hold twice as many rows.
        least = self.config.least(len(self)) // 2
        bins: list[Bins] = [
            NumberBins.learn(name, values)
            for name, values in zip(self.numeric, self._values[:, rows], strict=True)
        ]
        for at, name in enumerate(self.categorical):
            codes, names = self._categories[at, rows], list(self._names[at])
            used = np.unique(codes[codes != MISSING])
            self._names[at] = {names[code]: new for new, code in enumerate(used.tolist())}
            codes[:] = np.where(codes == MISSING, MISSING, np.searchsorted(used, codes))
            bins.append(CategoryBins.learn(name, tuple(self._names[at]), codes, least))
        self._bins = tuple(bins)
        self._tables = None

    def _count(self) -> PairTables:
        """Bring the counts up to the window: rows that came are added, rows that left are taken out."""
        begin, (low, high) = self._end - len(self), self._counted
        if self._tables is None or high <= begin:
            self._tables = PairTables([one.coarse_of for one in self._bins])
            low = high = begin
        for at, one in enumerate(self._bins):
            d = len(self.numeric)
            source = self._values[at] if at < d else self._categories[at - d]
            self._fine[at, high : self._end] = one.codes(source[high : self._end])
        self._tables.add(self._fine[:, high : self._end], self._wrong[high : self._end])
        self._tables.add(self._fine[:, low:begin], self._wrong[low:begin], -1)
        self._counted = begin, self._end
        return self._tables

    def _shift(self) -> None:
        """Make room: the window moves to the beginning of what is held."""
        if self._tables is not None:
            self._count()
        kept = len(self)
        for held in (self._values, self._categories, self._fine):
            held[:, :kept] = held[:, self._end - kept : self._end]
        self._wrong[:kept] = self._wrong[self._end - kept : self._end]
        self._end, self._counted = kept, (0, kept)


def _next_laying(seen: int, window: int) -> int:
    """Return after how many rows bins are laid next: each time that they double, then with each new window."""
    if seen >= window:
        return (seen // window + 1) * window
    following = window
    while following // 2 > seen and following // 2 >= _FIRST:
        following //= 2
    return following


def _codes(cells: list[Any], names: dict[str, int]) -> list[int]:
    """Give each cell the number of its text, in order of first appearance."""
    codes = [names.get(cell, _NEW) for cell in cells]
    for row, code in enumerate(codes):
        if code == _NEW:
            cell = cells[row]
            codes[row] = MISSING if is_missing(cell) else names.setdefault(str(cell), len(names))
    return codes
