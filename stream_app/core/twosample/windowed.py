"""Tests of complete windows of one source against its reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from stream_app.core.arrays import FloatArray
from stream_app.core.correction import Correction, adjust
from stream_app.core.one_source import checked_batch
from stream_app.core.signals import Signal
from stream_app.core.twosample.distance import wasserstein
from stream_app.core.twosample.ks import ks_ordered, ks_p_value
from stream_app.core.twosample.psi import PSI_SEVERE, Bins, psi_ordered
from stream_app.core.twosample.ranks import mann_whitney
from stream_app.core.twosample.reference import Reference, SortedSample
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

__all__ = ["TestName", "WindowedTest", "WindowedTestOptions"]

TestName: TypeAlias = Literal["ks", "psi", "wasserstein", "mann_whitney"]

_VERSION = 1
_TESTS: tuple[TestName, ...] = ("ks", "psi", "wasserstein", "mann_whitney")


@dataclass(frozen=True, slots=True)
class WindowedTestOptions:
    """Parameters of `WindowedTest`.

    Parameters
    ----------
    tests : tuple of {'ks', 'psi', 'wasserstein', 'mann_whitney'}
        Tests done on each window.
    window : int
        Rows in a window, counted from the first row after the reference.
    hop : int or None
        Rows from one window's end to the next, at most ``window``. None: windows do not overlap.
    learn : int or None
        Rows learned as the reference when none is given. None: as many as a window.
    alpha : float
        Level of ``ks`` and ``mann_whitney`` for one window over all channels, after ``correction``.
    correction : {'none', 'bonferroni', 'holm', 'bh'}
        Correction over the channels of one window and test.
    psi_threshold : float
        ``psi`` signals from this index on.
    psi_bins : int
        Bins of the index.
    psi_kind : {'quantile', 'width'}
        Kind of the bins.
    psi_epsilon : float
        Least share in the index.
    wasserstein_threshold : float
        ``wasserstein`` signals from this distance on, in standard deviations of the reference.
    min_values : int
        A channel with fewer observed values, in the window or in the reference, is not tested in that window.
    """

    tests: tuple[TestName, ...] = ("ks", "psi")
    window: int = 300
    hop: int | None = None
    learn: int | None = None
    alpha: float = 0.001
    correction: Correction = "holm"
    psi_threshold: float = PSI_SEVERE
    psi_bins: int = 10
    psi_kind: Literal["quantile", "width"] = "quantile"
    psi_epsilon: float = 1e-4
    wasserstein_threshold: float = 0.5
    min_values: int = 30

    def __post_init__(self) -> None:
        wrong = set(self.tests) - set(_TESTS)
        if wrong or not self.tests:
            raise DataError(f"unknown test {sorted(wrong)}; name some of {', '.join(_TESTS)}")
        if self.window < 2 or not 1 <= (self.hop or self.window) <= self.window:
            raise DataError(
                f"window must be at least 2 and hop between 1 and window: {self.window}, {self.hop}"
            )
        if (self.learn or self.window) < 2 or self.min_values < 1 or self.psi_bins < 2:
            raise DataError("learn and psi_bins must be at least 2, min_values at least 1")
        if not 0.0 < self.alpha < 1.0 or not 0.0 < self.psi_epsilon < 1.0:
            raise DataError(f"alpha and psi_epsilon lie between 0 and 1: {self.alpha}, {self.psi_epsilon}")
        if not (self.psi_threshold > 0.0 and self.wasserstein_threshold > 0.0):
            raise DataError("thresholds of distances must be positive")
        if self.psi_kind not in ("quantile", "width"):
            raise DataError(f"psi_kind is 'quantile' or 'width', got {self.psi_kind!r}")
        adjust([1.0], self.correction)


@dataclass(frozen=True, slots=True)
class _Channel:
    """Precomputed reference of a channel's tests."""

    sample: SortedSample
    bins: Bins
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class _Outcome:
    statistic: float
    threshold: float
    p_value: float = math.nan


class WindowedTest:
    """Compare each complete window of one source with a reference, channel by channel.

    The first ``learn`` rows become the reference unless one is given. After that every window of ``window``
    rows, counted in events of the source and never in batches, is tested once. A channel that differs gives a
    `Signal` for every window in which it does, and one with ``ended`` for the first in which it no longer does.
    Use it for changes of shape as well as of level, where a delay of a window is acceptable.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    reference : Reference or None
        Sample of the same channels; None: learn it.
    options : WindowedTestOptions
        Tests, window, levels.

    Raises
    ------
    DataError
        The reference has other channels.

    Notes
    -----
    ``alpha`` is the level of one look. Over many windows a fixed level raises false alarms without end: at
    0.001 about one in 1,000 windows when rows are independent, and far more when they are autocorrelated, for
    then a window holds fewer independent values than rows. And a reference is itself a sample: windows
    tested against the same one are dependent. Policies that keep a budget stand in ``core/budget``.

    For ``ks`` the p-value is exact when the reference and the window have equally many values and that of
    Kolmogorov's limit otherwise. ``statistic`` is D, the index, or the distance in standard deviations; for
    ``mann_whitney`` the share of pairs in which the window is larger, as its distance from one half.
    ``threshold`` is the least statistic that a single test would signal; ``p_value`` of the signal is corrected
    over channels (none for ``wasserstein``; uncorrected, for information, for ``psi``).

    A reference that came with all values equal has no scale: a ``wasserstein`` distance is then counted in
    units of the channel.

    Cost: 1.0 to 1.2 µs an 8-channel event with the defaults. Memory: the window and the reference,
    ``8 * d * (window + learn)`` bytes, 38 KiB at 8 channels (the reference up to three times as much where values
    repeat); a given reference can be shared between sources.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(size=(1200, 1))
    >>> values[900:] += 1.0
    >>> test = WindowedTest(["flow"])
    >>> [(s.row, s.detector, s.channel) for s in test.update(np.arange(1200.0), values)]
    [(1199, 'ks', 'flow'), (1199, 'psi', 'flow')]
    """

    __slots__ = (
        "_active",
        "_channels",
        "_filled",
        "_last",
        "_rows",
        "_untested",
        "channels",
        "options",
        "reference",
    )

    def __init__(
        self,
        channels: Sequence[str],
        *,
        reference: Reference | None = None,
        options: WindowedTestOptions | None = None,
    ) -> None:
        self.channels = tuple(channels)
        self.options = options or WindowedTestOptions()
        self.reference: Reference | None = None
        self._channels: tuple[_Channel | None, ...] = ()
        self._active: set[tuple[str, str]] = set()
        self._untested = dict.fromkeys(self.channels, 0)
        self._last: dict[str, float | None] = {
            f"{channel}.{test}": None for channel in self.channels for test in self.options.tests
        }
        self._filled = 0
        if reference is not None:
            if reference.channels != self.channels:
                raise DataError(
                    f"the reference has channels {reference.channels}, the stream has {self.channels}"
                )
            self._adopt(reference)
        length = self.options.window if reference else self.options.learn or self.options.window
        self._rows: FloatArray = np.empty((length, len(self.channels)))

    def features(self) -> dict[str, float | None]:
        """Statistics of the last complete window, by ``channel.test``; None where a channel was not tested."""
        return dict(self._last)

    @property
    def untested(self) -> dict[str, int]:
        """Windows in which a channel had too few values to be tested, by channel."""
        return dict(self._untested)

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> list[Signal]:
        """Take a batch and test the windows that it completes.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times, epoch seconds.
        values : array_like, shape (n, d)
            A row an event; missing is NaN.

        Returns
        -------
        list of Signal
            At the rows that complete windows, in order.
        """
        times, x = checked_batch(self.channels, ts, values)
        signals: list[Signal] = []
        at = 0
        while at < len(x):
            take = min(len(self._rows) - self._filled, len(x) - at)
            self._rows[self._filled : self._filled + take] = x[at : at + take]
            self._filled += take
            at += take
            if self._filled == len(self._rows):
                signals += self._complete(at - 1, float(times[at - 1]))
        return signals

    def _complete(self, row: int, ts: float) -> list[Signal]:
        window, hop = self.options.window, self.options.hop or self.options.window
        if self.reference is None:
            self._adopt(Reference(self._rows, self.channels, limit=len(self._rows)))
            self._rows, self._filled = np.empty((window, len(self.channels))), 0
            return []
        signals = self._test(row, ts)
        self._filled = window - hop
        self._rows[: self._filled] = self._rows[hop:].copy()
        return signals

    def _adopt(self, reference: Reference) -> None:
        self.reference = reference
        self._channels = tuple(
            self._prepare(sample) if len(sample) >= self.options.min_values else None
            for sample in reference.samples
        )

    def _prepare(self, sample: SortedSample) -> _Channel:
        mean, std = _mean_std(sample.values)
        bins = Bins.of(sample, bins=self.options.psi_bins, kind=self.options.psi_kind)
        return _Channel(sample, bins, mean, std)

    def _test(self, row: int, ts: float) -> list[Signal]:
        columns: list[tuple[int, _Channel, FloatArray]] = []
        # Every test is quicker on ordered values: one sort for all of them.
        ordered = np.sort(np.where(np.isfinite(self._rows), self._rows, np.nan).T, axis=1)
        sizes = np.count_nonzero(~np.isnan(ordered), axis=1).tolist()
        for i, channel in enumerate(self._channels):
            x = ordered[i, : sizes[i]]
            if channel is None or len(x) < self.options.min_values:
                self._untested[self.channels[i]] += 1
                self._last |= {f"{self.channels[i]}.{test}": None for test in self.options.tests}
            else:
                columns.append((i, channel, x))
        if not columns:
            return []
        signals: list[Signal] = []
        for test in self.options.tests:
            outcomes = [self._outcome(test, channel, x) for _, channel, x in columns]
            p_values = np.array([outcome.p_value for outcome in outcomes])
            if test in ("ks", "mann_whitney"):
                p_values = adjust(p_values, self.options.correction)
                fired = p_values <= self.options.alpha
            else:
                fired = np.array([outcome.statistic >= outcome.threshold for outcome in outcomes])
            for (i, channel, x), outcome, p, hit in zip(
                columns, outcomes, p_values.tolist(), fired, strict=True
            ):
                key = (test, self.channels[i])
                self._last[f"{self.channels[i]}.{test}"] = outcome.statistic
                if not hit and key not in self._active:
                    continue
                (self._active.add if hit else self._active.discard)(key)
                signals.append(
                    Signal(
                        row=row, ts=ts, kind="drift", detector=test, channel=self.channels[i],
                        statistic=outcome.statistic, threshold=outcome.threshold, ended=not hit,
                        p_value=None if math.isnan(p) else p, context=_context(channel, x),
                    )
                )  # fmt: skip
        return signals

    def _outcome(self, test: TestName, channel: _Channel, x: FloatArray) -> _Outcome:
        n, m = len(channel.sample), len(x)
        if test == "ks":
            statistic = ks_ordered(channel.sample, x)
            p = ks_p_value(statistic, n, m, method="exact" if n == m else "limit")
            return _Outcome(statistic, _ks_threshold(n, m, self.options.alpha), p)
        if test == "psi":
            index = psi_ordered(channel.bins, x, epsilon=self.options.psi_epsilon)
            return _Outcome(index.statistic, self.options.psi_threshold, index.p_value)
        if test == "mann_whitney":
            comparison = mann_whitney(channel.sample, x)
            deviation = math.sqrt((n + m + 1.0) / (12.0 * n * m)) * float(
                special.ndtri(1.0 - self.options.alpha / 2.0)
            )
            return _Outcome(
                abs(comparison.statistic / (n * m) - 0.5), min(deviation, 0.5), comparison.p_value
            )
        distance = wasserstein(channel.sample, x) / (channel.std or 1.0)
        return _Outcome(min(distance, float(np.finfo(np.float64).max)), self.options.wasserstein_threshold)

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it bit for bit."""
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "options": asdict(self.options) | {"tests": list(self.options.tests)},
            "reference": None if self.reference is None else self.reference.state(),
            "rows": self._rows[: self._filled].copy(),
            "active": [list(key) for key in sorted(self._active)],
            "untested": dict(self._untested),
            "last": dict(self._last),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], reference: Reference | None = None) -> Self:
        """Rebuild from `state`, with the reference that it has, or with another that takes its place.

        Raises
        ------
        StateError
            The state is of another version or damaged.
        """
        expect_version(state, _VERSION, "the windowed test")
        try:
            known = {field.name: state["options"][field.name] for field in fields(WindowedTestOptions)}
            options = WindowedTestOptions(**known | {"tests": tuple(known["tests"])})
            if reference is None and state["reference"] is not None:
                reference = Reference.from_state(state["reference"])
            test = cls(state["channels"], reference=reference, options=options)
            rows = np.reshape(np.asarray(state["rows"], dtype=np.float64), (-1, len(test.channels)))
            test._rows[: len(rows)] = rows
            test._filled = len(rows)
            test._active = {(name, channel) for name, channel in state["active"]}
            test._last = {name: state["last"][name] for name in test._last}
            test._untested = {name: int(state["untested"][name]) for name in test.channels}
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise StateError(f"a windowed test's state is damaged: {error}") from error
        return test


@lru_cache(maxsize=1024)
def _ks_threshold(n: int, m: int, alpha: float) -> float:
    """Return the least KS statistic whose p-value is at most alpha, 1 where even the largest is not."""
    if n != m:
        return min(1.0, float(special.kolmogi(alpha)) / math.sqrt(n * m / (n + m)))
    low, high = 0, n
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if ks_p_value(middle / n, n, m, method="exact") <= alpha else (middle, high)
    return high / n


def _mean_std(x: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation (n - 1); finite for any finite input."""
    scale = 2.0**600 if max(-x.min(), x.max()) > 2.0**400 else 1.0
    part = x / scale
    mean = float(part.mean())
    std = math.sqrt(float(((part - mean) ** 2).sum()) / max(len(x) - 1, 1))
    largest = float(np.finfo(np.float64).max)
    return mean * scale, min(std * scale, largest)


def _context(channel: _Channel, x: FloatArray) -> tuple[tuple[str, float], ...]:
    mean, std = _mean_std(x)
    return (
        ("mean_before", channel.mean), ("mean_after", mean), ("std_before", channel.std), ("std_after", std),
        ("n_before", float(len(channel.sample))), ("n_after", float(len(x))),
    )  # fmt: skip
