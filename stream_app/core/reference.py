"""Normal operation of a stream as a table: what its detectors learn from and compare with, under an id of its content."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

if TYPE_CHECKING:
    from stream_app.core.twosample.reference import Reference

__all__ = ["MOST_BYTES", "ReferenceTable", "reference_psi"]

_VERSION = 1

MOST_BYTES = 4 << 20
"""Most bytes of the numbers of a reference: half a million, 58,000 rows of eight channels and their times."""

_LEAST_VALUES = 30
"""Values of a channel from which tests compare with it, as `WindowedTestOptions` has it by default."""
_SAMPLE_ROWS = 2_000
"""Rows that tests of windows compare with: more hardly sharpens them, and each comparison takes longer."""
_MOST_CHANNELS = 4096


@dataclass(frozen=True, eq=False)
class ReferenceTable:
    """Rows of normal operation of one source, in the order of their times.

    Parameters
    ----------
    ts : array, shape (n,)
        Event times, epoch seconds.
    channels : tuple of str
        Names of the columns of numbers.
    values : array, shape (n, d)
        NaN where nothing was measured.
    categories : mapping of str to tuple of (str or None)
        Columns of categories, n each; None where there is none.

    Raises
    ------
    DataError
        If the columns are not of one length, or a name is there twice.

    Examples
    --------
    >>> table = ReferenceTable(np.arange(3.0), ("flow",), np.array([[1.0], [2.0], [np.nan]]))
    >>> len(table), table.version
    (3, 'b22f24ee7e28')
    >>> ReferenceTable(table.ts, ("flow",), table.values + 1.0).version == table.version
    False
    """

    ts: FloatArray
    channels: tuple[str, ...]
    values: FloatArray
    categories: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, names = len(self.ts), (*self.channels, *self.categories)
        if self.values.shape != (n, len(self.channels)) or any(
            len(column) != n for column in self.categories.values()
        ):
            raise DataError(f"a reference of {n} rows has columns of another length")
        if len(names) > _MOST_CHANNELS:
            raise DataError(f"a reference has {len(names)} channels, more than {_MOST_CHANNELS}")
        if len(set(names)) != len(names):
            raise DataError("a reference has a channel twice")

    def __len__(self) -> int:
        return len(self.ts)

    @cached_property
    def version(self) -> str:
        """Id of the content, 12 hexadecimal digits: the same rows have the same one, wherever they are from."""
        digest = hashlib.blake2b(digest_size=6)
        head = [len(self), list(self.channels), sorted(self.categories)]
        digest.update(repr(head).encode("utf-8", "surrogatepass"))
        # NaN has many bit patterns, and zero two.
        table = np.where(np.isnan(self.values), np.nan, self.values + 0.0)
        for numbers in (self.ts + 0.0, table):
            digest.update(np.ascontiguousarray(numbers, dtype="<f8").tobytes())
        for name in sorted(self.categories):
            digest.update(repr(self.categories[name]).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def column(self, channel: str) -> FloatArray:
        """Return the numbers of a channel, shape (n,); all NaN where the reference does not have it."""
        if channel not in self.channels:
            return np.full(len(self), np.nan)
        found: FloatArray = self.values[:, self.channels.index(channel)]
        return found

    def between(self, begin: float, end: float) -> Self:
        """Return the rows from a time to before another."""
        return self.rows(np.flatnonzero((self.ts >= begin) & (self.ts < end)))

    def rows(self, places: IntArray) -> Self:
        """Return some rows, by their places."""
        texts = {name: tuple(column[i] for i in places.tolist()) for name, column in self.categories.items()}
        return type(self)(self.ts[places], self.channels, self.values[places], texts)

    def newest(self, most_bytes: int = MOST_BYTES) -> Self:
        """Return the newest rows that take at most so many bytes; they stay side by side, because detectors learn how values follow each other."""
        rows = max(most_bytes // (8 * (1 + len(self.channels) + len(self.categories))), 1)
        if rows >= len(self):
            return self
        return self.rows(np.arange(len(self) - rows, len(self)))

    def check(
        self, *, least: int, declared: Sequence[str] | None = None, categories: Sequence[str] = ()
    ) -> None:
        """See that detectors can learn from it.

        Parameters
        ----------
        least : int
            Rows, and values of each channel, that it needs.
        declared : sequence of str, optional
            Channels of numbers that it must have; any where None.
        categories : sequence of str
            Channels of categories that it must have.

        Raises
        ------
        DataError
            If not: rows or channels are missing, or a channel has too few values or one value only.

        Examples
        --------
        >>> ReferenceTable(np.arange(40.0), ("flow",), np.full((40, 1), 3.0)).check(least=30)
        Traceback (most recent call last):
        stream_app.errors.DataError: flow is 3 in all rows: ...
        """
        if len(self) < least:
            raise DataError(f"{len(self)} rows; a reference of this stream needs at least {least}")
        if not (np.isfinite(self.ts).all() and (np.diff(self.ts) >= 0.0).all()):
            raise DataError("its rows are not in the order of their times")
        wanted = {*(self.channels if declared is None else declared), *categories}
        found = {*self.channels, *self.categories}
        if missing := sorted(wanted - found):
            raise DataError(
                f"it has no channel {', '.join(missing[:5])}, which the stream has; it has {', '.join(sorted(found)[:8])}"
            )
        if not found:
            raise DataError("it has no channel")
        for j, name in enumerate(self.channels):
            column = self.values[:, j]
            known = column[np.isfinite(column)]
            if len(known) < least:
                raise DataError(f"{name} has {len(known)} values; it needs at least {least}")
            if known.min() == known.max():
                raise DataError(
                    f"{name} is {known[0]:.6g} in all rows: nothing says how far it may go; leave the column out, and the channel is learned "
                    "from its events"
                )
        for name, texts in self.categories.items():
            if sum(text is not None for text in texts) < least:
                raise DataError(f"{name} has fewer than {least} categories said")

    def sample(self, channels: tuple[str, ...]) -> "Reference | None":
        """Return what tests of windows compare some channels with; None where one has too few values, or is not there.

        All who ask for the same channels have one object: sources share it.
        """
        from stream_app.core.twosample.reference import Reference  # noqa: PLC0415 - whoever looks up does not wait for scipy

        samples: dict[tuple[str, ...], Reference | None] = self.__dict__.setdefault("_samples", {})
        if channels not in samples:
            columns = [self.column(name) for name in channels]
            usable = bool(columns) and all(np.isfinite(column).sum() >= _LEAST_VALUES for column in columns)
            samples[channels] = (
                Reference(np.stack(columns, axis=1), channels, limit=_SAMPLE_ROWS) if usable else None
            )
        return samples[channels]

    def figures(self) -> dict[str, dict[str, float]]:
        """Return of each channel of numbers how many values it has, their mean, standard deviation, least and most."""
        found = {}
        for j, name in enumerate(self.channels):
            known = self.values[np.isfinite(self.values[:, j]), j]
            if len(known):
                spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
                figures = (float(known.mean()), spread, float(known.min()), float(known.max()))
                found[name] = {"values": float(len(known))} | dict(
                    zip(("mean", "std", "min", "max"), figures, strict=True)
                )
        return found

    def state(self) -> dict[str, Any]:
        """Return it as plain values and arrays."""
        return {
            "version": _VERSION,
            "ts": self.ts,
            "channels": list(self.channels),
            "values": self.values,
            "categories": {name: list(column) for name, column in self.categories.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return what `state` was taken of.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "a reference")
        try:
            channels = tuple(str(name) for name in state["channels"])
            ts = np.asarray(state["ts"], dtype=np.float64).ravel()
            values = np.asarray(state["values"], dtype=np.float64).reshape(len(ts), len(channels))
            texts = {
                str(name): tuple(None if text is None else str(text) for text in column)
                for name, column in state["categories"].items()
            }
            return cls(ts, channels, values, texts)
        except (KeyError, TypeError, ValueError, AttributeError, DataError) as error:
            raise StateError(f"a reference is damaged: {error}") from error


def reference_psi(before: ReferenceTable, after: ReferenceTable) -> dict[str, float]:
    """Return the population stability index of each channel that both references have: how far the second is from the first.

    Channels of numbers are compared in ten bins of equal shares of the first, channels of categories by category.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one, other = (ReferenceTable(np.arange(500.0), ("flow",), rng.normal(mean, size=(500, 1))) for mean in (0.0, 2.0))
    >>> round(reference_psi(one, one)["flow"], 3), reference_psi(one, other)["flow"] > 0.2
    (0.0, True)
    """
    from stream_app.core.twosample.psi import Bins, psi  # noqa: PLC0415 as above
    from stream_app.core.twosample.reference import SortedSample  # noqa: PLC0415

    found = {}
    for name in before.channels:
        old, new = (table.column(name) for table in (before, after))
        if np.isfinite(old).any() and np.isfinite(new).any():
            found[name] = psi(Bins.of(SortedSample(old)), new).statistic
    for name, column in before.categories.items():
        if name in after.categories:
            found[name] = _category_psi(column, after.categories[name])
    return found


def _category_psi(before: Sequence[str | None], after: Sequence[str | None]) -> float:
    sides = [Counter(text for text in side if text is not None) for side in (before, after)]
    if not all(sides):
        return math.nan
    totals = [side.total() for side in sides]
    index = 0.0
    for name in sorted({*sides[0], *sides[1]}):
        p, q = (max(side[name] / total, 1e-4) for side, total in zip(sides, totals, strict=True))
        index += (q - p) * math.log(q / p)
    return index
