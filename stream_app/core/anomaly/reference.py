"""What normal operation looks like: everything the anomaly detector learns from its first events."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_app.core.anomaly.config import AnomalyConfig
from stream_app.core.anomaly.flatline import run_limit
from stream_app.core.anomaly.joint import JointModel, shrunk_correlation
from stream_app.core.anomaly.robust import autocorrelation_time, robust_location_scale
from stream_app.core.anomaly.smoothing import exponential_mean, span_weight
from stream_app.core.anomaly.tails import student_to_normal
from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.errors import DataError

__all__ = ["ReferenceProfile"]

_START = 50
"""Events whose mean starts the filters on the reference."""


@dataclass(slots=True)
class ReferenceProfile:
    """Location, scale, memory and correlation of the channels in normal operation.

    Parameters
    ----------
    location, scale : FloatArray, shape (d,)
        Robust moments of each channel, in its own unit; 0 and 1 for channels that cannot be watched.
    freedom : FloatArray, shape (d,)
        Degrees of freedom of the variances below, from the channel's autocorrelation time.
    fast_variance, slow_variance : FloatArray, shape (d,)
        Variance of fast and slow mean about the baseline, in squared scales, `wander` included.
    fast, slow, baseline : FloatArray, shape (d,)
        The filters' values at the end of the reference, in scales.
    watched : BoolArray, shape (d,)
        Channels whose level can be judged.
    reasons : tuple of str
        For every channel why it is not watched, or an empty string.
    run_limits : IntArray, shape (d,)
        Run lengths for `FlatlineDetector`.
    joint : JointModel
        Principal components of the channels' smoothed deviations.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal([10.0, 5.0], [1.0, 0.0], size=(400, 2))
    >>> profile = ReferenceProfile.fit(x, AnomalyConfig())
    >>> profile.location.round(0).tolist(), profile.reasons
    ([10.0, 0.0], ('', 'constant in the reference'))
    """

    location: FloatArray
    scale: FloatArray
    freedom: FloatArray
    fast_variance: FloatArray
    slow_variance: FloatArray
    fast: FloatArray
    slow: FloatArray
    baseline: FloatArray
    watched: BoolArray
    reasons: tuple[str, ...]
    run_limits: IntArray
    joint: JointModel

    @classmethod
    def fit(cls, values: FloatArray, config: AnomalyConfig) -> "ReferenceProfile":
        """Learn from events of normal operation, in time order.

        Parameters
        ----------
        values : FloatArray, shape (n, d)
            The events; NaN where a value is missing. Any number of rows and any values are accepted; what
            cannot be learned is left unwatched and named in `reasons`.
        config : AnomalyConfig
            Spans and shares.

        Raises
        ------
        DataError
            If `values` is not a table with at least one column.
        """
        if values.ndim != 2 or values.shape[1] == 0:
            raise DataError(
                f"reference: shape {values.shape}, expected (events, channels) with at least one channel"
            )
        d = values.shape[1]
        location, scale, reasons = _moments(values, config)
        watched = np.array([reason == "" for reason in reasons])
        u = standardised(values, location, scale, watched, config.clip)
        freedom = np.ones(d)
        start = np.zeros(d)
        for j in np.flatnonzero(watched):
            present = u[~np.isnan(u[:, j]), j]
            freedom[j] = max(1.0, config.freedom * (present.size / autocorrelation_time(present) - 1.0))
            start[j] = np.mean(present[:_START])
        fast = exponential_mean(u, span_weight(config.fast), start)
        slow = exponential_mean(u, span_weight(config.slow), start)
        baseline = exponential_mean(u, 1.0 / (config.baseline + 1.0), start)
        before = np.vstack([start, baseline[:-1]])
        skip = min(config.slow, max(values.shape[0] - 1, 0))
        departures = (slow - before)[skip:]
        floor = config.wander**2 + 1e-12
        slow_variance = _mean_square(departures) + floor
        z = np.sign(departures) * student_to_normal(departures**2 / slow_variance, freedom)
        correlation = shrunk_correlation(z, values.shape[0] / (2.0 * config.slow))
        rate = config.false_alarms_per_event / d
        limits = [run_limit(values[:, j], rate, config.flatline_minimum) for j in range(d)]
        last = slice(-1, None)
        return cls(
            location=location,
            scale=scale,
            freedom=freedom,
            fast_variance=_mean_square((fast - before)[skip:]) + floor,
            slow_variance=slow_variance,
            fast=fast[last].sum(axis=0),
            slow=slow[last].sum(axis=0),
            baseline=baseline[last].sum(axis=0),
            watched=watched,
            reasons=reasons,
            run_limits=np.array(limits, dtype=np.int64),
            joint=JointModel.fit(correlation, config.variance_share),
        )

    def add_variance(self, variance: FloatArray) -> None:
        """Widen both means of each channel by a variance (in its own squared unit) known from before this reference."""
        with np.errstate(over="ignore"):
            extra = np.where(self.watched, np.minimum(variance / self.scale**2, 1e12), 0.0)
        self.slow_variance = self.slow_variance + extra
        self.fast_variance = self.fast_variance + extra

    def state(self) -> dict[str, Any]:
        """Plain values, for `from_state`."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("joint", "reasons")}
        return plain | {"reasons": list(self.reasons), "joint": self.joint.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "ReferenceProfile":
        """Take back what `state` gave; arrays are copied, because the detector goes on learning in place."""
        values = {name: state[name] for name in cls.__slots__ if name not in ("joint", "reasons")}
        arrays = {name: np.array(value) for name, value in values.items()}
        return cls(**arrays, reasons=tuple(state["reasons"]), joint=JointModel.from_state(state["joint"]))


def standardised(
    values: FloatArray, location: FloatArray, scale: FloatArray, watched: BoolArray, clip: float
) -> FloatArray:
    """Deviations in scales, drawn in to `clip`; NaN stays NaN in watched channels, the others are 0.

    The arrays of the channels must broadcast against `values`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        u: FloatArray = values - location
        u /= scale
    np.minimum(u, clip, out=u)
    np.maximum(u, -clip, out=u)
    return u if watched.all() else np.where(watched, u, 0.0)


def _moments(values: FloatArray, config: AnomalyConfig) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    d = values.shape[1]
    location, scale = np.zeros(d), np.ones(d)
    reasons = []
    least = min(2 * config.slow, config.warmup // 2)
    for j in range(d):
        found, spread = robust_location_scale(values[:, j])
        count = int(np.isfinite(values[:, j]).sum())
        if count < max(least, 4):
            reasons.append(f"only {count} values in the reference")
        elif not np.isfinite(spread):
            reasons.append("values in the reference are too large")
        elif spread <= 1e-9 * abs(found):
            reasons.append("constant in the reference")
        else:
            reasons.append("")
            location[j], scale[j] = found, spread
    return location, scale, tuple(reasons)


def _mean_square(x: FloatArray) -> FloatArray:
    return np.asarray(np.mean(x**2, axis=0)) if x.shape[0] else np.ones(x.shape[1])
