"""The reference sample of a test, sorted once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

__all__ = ["Comparison", "Reference", "SortedSample"]

_VERSION = 1


class SortedSample:
    """One channel's reference values, sorted, with what the tests need computed once.

    Parameters
    ----------
    values : array_like, shape (n,)
        Reference values; what is not finite is left out.

    Attributes
    ----------
    values : ndarray, shape (n,)
        All finite values, ascending.
    distinct : ndarray, shape (k,)
        The distinct ones.
    shares : ndarray, shape (k + 1,)
        ``shares[i]`` of the values are smaller than ``distinct[i]``; the last entry is 1.

    Examples
    --------
    >>> sample = SortedSample([2.0, 1.0, 2.0])
    >>> sample.distinct, sample.shares
    (array([1., 2.]), array([0.        , 0.33333333, 1.        ]))
    """

    __slots__ = ("distinct", "shares", "values")

    def __init__(self, values: npt.ArrayLike) -> None:
        x = np.asarray(values, dtype=np.float64).ravel()
        # + 0.0 makes 0.0 of -0.0: they are equal, so their order would be whatever a sort makes of it.
        self.values: FloatArray = np.sort(x[np.isfinite(x)] + 0.0)
        self.distinct: FloatArray
        self.shares: FloatArray
        if (self.values[1:] > self.values[:-1]).all():
            # Without ties, the case of most sensors, one array serves twice and another all such channels.
            self.distinct, self.shares = self.values, _even_shares(len(self.values))
        else:
            self.distinct, first = np.unique(self.values, return_index=True)
            self.shares = np.append(first, len(self.values)) / len(self.values)

    def __len__(self) -> int:
        return len(self.values)


@lru_cache(maxsize=64)
def _even_shares(n: int) -> FloatArray:
    shares: FloatArray = np.arange(n + 1) / max(n, 1)
    shares.flags.writeable = False
    return shares


class Reference:
    """A reference sample over channels: stored beforehand, read from a file, or a learned first window.

    Parameters
    ----------
    values : array_like, shape (n, d)
        A row an event; missing is NaN and is left out channel by channel.
    channels : sequence of str
        Names of the columns.
    limit : int
        At most this many rows are kept, evenly spaced over the sample, to bound the memory.

    Raises
    ------
    DataError
        The shape does not fit, or there is no row.

    Notes
    -----
    Memory: ``8 * min(n, limit) * d`` bytes; up to three times as much for channels whose values repeat.

    Examples
    --------
    >>> reference = Reference([[1.0, 5.0], [2.0, np.nan]], ["flow", "pressure"])
    >>> [len(sample) for sample in reference.samples]
    [2, 1]
    """

    __slots__ = ("channels", "limit", "rows", "samples")

    def __init__(self, values: npt.ArrayLike, channels: Sequence[str], *, limit: int = 2000) -> None:
        x = np.asarray(values, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(channels):
            raise DataError(f"a reference of shape {x.shape} does not fit {len(channels)} channels")
        if len(x) == 0 or limit < 1:
            raise DataError(
                f"a reference needs at least one row and a limit of at least one, got {len(x)} and {limit}"
            )
        if len(x) > limit:
            x = x[np.arange(limit) * len(x) // limit]
        self.channels = tuple(channels)
        self.limit = limit
        self.rows = len(x)
        self.samples = tuple(SortedSample(x[:, i]) for i in range(len(self.channels)))

    def state(self) -> dict[str, Any]:
        """Give the reference as plain data."""
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "limit": self.limit,
            "rows": self.rows,
            "samples": [sample.values for sample in self.samples],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild a reference from `state`.

        Raises
        ------
        StateError
            The state is of another version or damaged.
        """
        expect_version(state, _VERSION, "the reference")
        try:
            samples = [np.asarray(sample, dtype=np.float64) for sample in state["samples"]]
            # Columns of unequal length (missing values were left out) are filled up with what is left out again.
            table = np.full((max(int(state["rows"]), 1), len(samples)), np.nan)
            for column, sample in enumerate(samples):
                table[: len(sample), column] = sample
            return cls(table, state["channels"], limit=state["limit"])
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise StateError(f"a reference's state is damaged: {error}") from error


@dataclass(frozen=True, slots=True)
class Comparison:
    """Statistic and p-value of one test of two samples.

    Parameters
    ----------
    statistic : float
        The test's statistic.
    p_value : float
        Probability, if both samples come from one distribution, of a statistic at least as extreme.

    Examples
    --------
    >>> Comparison(statistic=0.5, p_value=0.03).p_value
    0.03
    """

    statistic: float
    p_value: float
