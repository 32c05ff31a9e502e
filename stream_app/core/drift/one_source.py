"""Drift detectors of one source, for use from Python: a bank with one slot."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray
from stream_app.core.drift.config import DriftConfig, DriftResult, DriftVerdict, MultivariateConfig
from stream_app.core.drift.multivariate import multivariate_statistic, multivariate_step
from stream_app.core.drift.multivariate_records import (
    multivariate_directions,
    multivariate_layout,
    multivariate_options,
)
from stream_app.core.drift.records import WATCHED, drift_layout, drift_options
from stream_app.core.drift.signals import drift_signal, multivariate_signal
from stream_app.core.drift.step import drift_statistic, drift_step
from stream_app.core.kernel import kernel, signal_buffer
from stream_app.core.one_source import (
    Moment,
    checked_batch,
    distinct,
    one_event,
    one_source_bank,
    one_source_state,
    restored,
)

__all__ = ["DriftDetector", "MultivariateDriftDetector"]

_VERSION = 2


class DriftDetector:
    """Detect that a source's distribution has changed, with few false alarms however long one looks.

    Learns a reference from the first `warmup` events, turns each later event into bets
    that would win if level, scale, shape or correlation had changed, and sums them in e-CUSUMs. At an
    alarm everything is learned anew, so that one drift is one alarm. Use it as the standard drift detector of a
    stream; for a single test of two samples see `stream_app.core.twosample`.

    If events are independent and unchanged, the mean number of events between false alarms is at least
    ``1 / false_alarm_rate`` (simulated for all continuous distributions at once: ``benchmarks/detection/run_length.py``). For
    dependent events the same is calibrated from the reference (`filtering`), and not proved.

    State is 5 KB for 8 channels, an event of 8 channels about 1 µs. For many sources walk `drift_step` over a bank.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    config : DriftConfig, optional
        Options of the detector; by default those of `DriftConfig`.

    References
    ----------
    Shin, Ramdas, Rinaldo (2024). E-detectors: a nonparametric framework for sequential change detection.
    New England Journal of Statistics in Data Science 2(2).

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> values = rng.normal(size=(3000, 2))
    >>> values[2000:, 1] += 1.0
    >>> detector = DriftDetector(("flow", "pressure"), DriftConfig(false_alarm_rate=1e-4))
    >>> result = detector.update(np.arange(3000.0), values)
    >>> [(signal.channel, signal.detector, signal.row) for signal in result.signals]
    [('pressure', 'drift.level', 2049)]

    One event at a time, as in a loop of River:

    >>> detector.update_one(3000.0, flow=0.1, pressure=1.2).drift
    False
    """

    def __init__(self, channels: Sequence[str], config: DriftConfig | None = None) -> None:
        self.channels = distinct(channels)
        self.config = config or DriftConfig()
        self.bank = one_source_bank(drift_layout(len(self.channels), correlation=self.config.correlation))
        self._options = drift_options(self.config)

    def __repr__(self) -> str:
        return f"DriftDetector({self.channels!r}, {self.config!r})"

    @property
    def learned(self) -> tuple[str, ...]:
        """Channels that have a reference."""
        stages = self.bank["drift.channel"][0]["stage"]
        return tuple(name for name, stage in zip(self.channels, stages, strict=True) if stage == WATCHED)

    def update_one(self, ts: Moment, /, **values: float | None) -> DriftVerdict:
        """Take the next event.

        Parameters
        ----------
        ts : float or datetime
            Event time in epoch seconds, or as a `datetime`, UTC where it says no zone.
        **values : float or None
            By channel; a channel that is not named is missing.

        Raises
        ------
        DataError
            If a value is of no channel, or is no number.
        """
        return _verdict(self.update(*one_event(self.channels, ts, values)))

    def update(
        self,
        ts: npt.ArrayLike,
        values: npt.ArrayLike,
        learn: BoolArray | None = None,
        watch: BoolArray | None = None,
    ) -> DriftResult:
        """Take the next events.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times in epoch seconds.
        values : array_like, shape (n, d)
            A column a channel; NaN where missing.
        learn, watch : ndarray of bool, shape (n,), optional
            Events that may enter the reference, and that are seen at all; all by default.

        Returns
        -------
        DriftResult
            Flags and statistic of each event, and the signals.

        Raises
        ------
        DataError
            If the shapes do not fit.
        """
        times, rows = checked_batch(self.channels, ts, values)
        everything = np.ones(len(rows), dtype=np.bool_)
        statistic = np.zeros(len(rows))
        found, count = signal_buffer(len(rows))
        _walk_drift(
            self.bank["drift.source"],
            self.bank["drift.channel"],
            self.bank["drift.pair"],
            self._options,
            self.config.false_alarm_rate,
            times,
            rows,
            everything if learn is None else learn,
            everything if watch is None else watch,
            found,
            count,
            statistic,
        )
        signals = [drift_signal(row, float(times[row["row"]]), self.channels) for row in found[: count[0]]]
        return DriftResult(statistic >= 1.0, statistic, signals)

    def state(self) -> dict[str, Any]:
        """Return all that the detector knows, as plain values."""
        return one_source_state(_VERSION, self.channels, self.config, self.bank)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this `state`; it continues to the bit.

        Raises
        ------
        StateError
            If the state is of another version or incomplete.
        """
        return restored(
            state,
            _VERSION,
            "the drift detector",
            lambda channels, config: cls(channels, DriftConfig(**config)),
        )


class MultivariateDriftDetector:
    """Detect that the joint distribution of a source's channels has changed, with few false alarms.

    A sequential two-sample test. Two questions are asked of each event: does it lie unusually far from the centre
    of the reference, or unusually near (Mahalanobis distance), and does it look more like the latest 64 events
    than like the reference does (the witness function of a projection-averaged Cramér-von Mises distance)? If
    nothing has changed, the answer's rank among those of the reference is uniform, whatever the
    distribution; bets against that are summed in e-CUSUMs. Use it beside `DriftDetector`, which sees one channel or
    two at a time, where channels describe one thing: features of an image, coordinates of an embedding. Each event
    is one draw; autocorrelation is taken out channel by channel as far as the reference shows it.

    The first half of the warm-up fixes margins, whitening and hyperplanes, the second half the ranks. For
    independent events each e-value has mean one over such halves, and the threshold is the log of the bets
    times the run length, raised for the chance of the second half; `benchmarks/images` counts false alarms.

    Events with a missing channel are left out. For many sources walk `multivariate_step` over a bank.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns, at least two.
    config : MultivariateConfig, optional
        Options of the detector; by default those of `MultivariateConfig`.

    References
    ----------
    Shekhar, Ramdas (2024). Nonparametric two-sample testing by betting. IEEE Transactions on Information Theory 70(2).
    Shin, Ramdas, Rinaldo (2024). E-detectors. New England Journal of Statistics in Data Science 2(2).
    Kim, Balakrishnan, Wasserman (2020). Robust multivariate nonparametric tests via projection averaging. Annals of
    Statistics 48(6).

    Examples
    --------
    A shift of a fifth of a standard deviation in each of twenty channels, too small for any one of them:

    >>> rng = np.random.default_rng(7)
    >>> values = rng.normal(size=(3000, 20))
    >>> values[2000:] += 0.2
    >>> channels = [f"pc{j}" for j in range(20)]
    >>> detector = MultivariateDriftDetector(channels, MultivariateConfig(false_alarm_rate=1e-4))
    >>> [(signal.detector, signal.channel, signal.row) for signal in detector.update(np.arange(3000.0), values).signals]
    [('drift.multivariate', '*', 2097)]
    """

    def __init__(self, channels: Sequence[str], config: MultivariateConfig | None = None) -> None:
        self.channels = distinct(channels, least=2)
        self.config = config or MultivariateConfig()
        self.bank = one_source_bank(multivariate_layout(len(self.channels), self.config.warmup))
        self._options = multivariate_options(len(self.channels), self.config)
        self._directions = multivariate_directions(len(self.channels), self.config)

    def __repr__(self) -> str:
        return f"MultivariateDriftDetector({self.channels!r}, {self.config!r})"

    def update_one(self, ts: Moment, /, **values: float | None) -> DriftVerdict:
        """Take the next event; see `DriftDetector.update_one`."""
        return _verdict(self.update(*one_event(self.channels, ts, values)))

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> DriftResult:
        """Take the next events.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times in epoch seconds.
        values : array_like, shape (n, d)
            A column a channel; NaN where missing.

        Returns
        -------
        DriftResult
            Flags and statistic of each event, and the signals.

        Raises
        ------
        DataError
            If the shapes do not fit.
        """
        times, rows = checked_batch(self.channels, ts, values)
        statistic = np.zeros(len(rows))
        found, count = signal_buffer(len(rows))
        _walk_multivariate(
            self.bank["multivariate.source"],
            self.bank["multivariate.channel"],
            self.bank["multivariate.plane"],
            self.bank["multivariate.sides"],
            self.bank["multivariate.ranked"],
            self.bank["multivariate.sample"],
            self.bank["multivariate.projection"],
            self.bank["multivariate.scratch"],
            self._options,
            self._directions,
            self.config.false_alarm_rate,
            times,
            rows,
            found,
            count,
            statistic,
        )
        signals = [
            multivariate_signal(row, float(times[row["row"]]), self.channels) for row in found[: count[0]]
        ]
        return DriftResult(statistic >= 1.0, statistic, signals)

    def state(self) -> dict[str, Any]:
        """Return all that the detector knows, as plain values."""
        return one_source_state(_VERSION, self.channels, self.config, self.bank)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this `state`; it continues to the bit.

        Raises
        ------
        StateError
            If the state is of another version or incomplete.
        """
        return restored(
            state,
            _VERSION,
            "the multivariate drift detector",
            lambda channels, config: cls(channels, MultivariateConfig(**config)),
        )


def _verdict(result: DriftResult) -> DriftVerdict:
    return DriftVerdict(bool(result.drift[0]), float(result.statistic[0]), result.signals)


@kernel
def _walk_drift(
    sources: Any,
    channels: Any,
    pairs: Any,
    options: Any,
    rate: float,
    ts: Any,
    values: Any,
    learn: Any,
    watch: Any,
    signals: Any,
    count: Any,
    statistic: Any,
) -> None:
    """Give events to the only source of a bank."""
    s, c, p, o = sources[0], channels[0], pairs[0], options[0]
    for row in range(len(values)):
        drift_step(s, c, p, o, rate, ts[row], values[row], learn[row], watch[row], row, signals, count)
        statistic[row] = drift_statistic(s, c, p, o) if watch[row] else 0.0


@kernel
def _walk_multivariate(
    sources: Any,
    channels: Any,
    planes: Any,
    sides: Any,
    ranked: Any,
    sample: Any,
    projection: Any,
    scratch: Any,
    options: Any,
    directions: Any,
    rate: float,
    ts: Any,
    values: Any,
    signals: Any,
    count: Any,
    statistic: Any,
) -> None:
    """Give events to the only source of a bank."""
    s, o = sources[0], options[0]
    for row in range(len(values)):
        multivariate_step(
            s,
            channels[0],
            planes[0],
            sides[0],
            ranked[0],
            sample[0],
            projection[0],
            scratch[0],
            o,
            directions,
            rate,
            ts[row],
            values[row],
            row,
            signals,
            count,
        )
        statistic[row] = multivariate_statistic(s, o)
