"""The monitor of one source, in memory: what a worker runs, without Kafka and Redis."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.kernel_cache import when_compiling
from stream_app.core.one_source import Moment, checked_batch, distinct, one_event
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError, StateError
from stream_app.events import Alert, Group, Readings
from stream_app.kinds import IMAGES, SENSORS
from stream_app.kinds.sensors import changed_stream
from stream_app.monitors.sensors import Outcome, SensorMonitor
from stream_app.settings import SensorStream, refused_modules

__all__ = ["Monitor", "MonitorResult", "MonitorVerdict"]

_log = logging.getLogger(__name__)

_VERSION = 1


@dataclass(frozen=True, slots=True)
class MonitorResult:
    """What `Monitor.update` says about a batch of n events.

    Parameters
    ----------
    score : FloatArray, shape (n,)
        Anomaly score; larger is rarer. 0 in the warm-up.
    anomaly, changepoint, drift : BoolArray, shape (n,)
        Whether an event lies in an anomaly; whether a change of level, or drift, was found at it.
    alerts : list of Alert
        Alerts that began or ended, in the order of the events; their offsets count all events of the monitor from 0.
    refused : dict of int to str
        Events that were not judged (late, duplicate, …): place in the batch to reason.
    """

    score: FloatArray
    anomaly: BoolArray
    changepoint: BoolArray
    drift: BoolArray
    alerts: list[Alert]
    refused: dict[int, str]


@dataclass(frozen=True, slots=True)
class MonitorVerdict:
    """What `Monitor.update_one` says about an event; see `MonitorResult`. `refused` is None where it was judged."""

    score: float
    anomaly: bool
    changepoint: bool
    drift: bool
    alerts: list[Alert]
    refused: str | None


class Monitor:
    """Watch one source as a worker does: quality checks, anomalies, changes of level, drift, within a false-alarm budget.

    The settings are those of a stream in the monitor file. The same events give the same alerts as in a worker and in a
    backtest, wherever batches begin and end.

    Parameters
    ----------
    channels : sequence of str
        Names of what is measured.
    budget : str, optional
        False alarms allowed, over everything: ``"1 per day"``, ``"3 per 100000 events"``.
    warmup : int, optional
        First events, from which the monitor learns what is normal.
    source : str
        Name of the source, as alerts have it.
    stream : SensorStream, optional
        Further settings, such as those of a stream in `load_settings`; `channels`, `budget` and `warmup` win over it.

    Raises
    ------
    SettingsError
        If a setting makes no sense.

    Examples
    --------
    >>> flow = np.random.default_rng(7).normal(32.0, 0.4, size=1200)
    >>> flow[900:1000] -= 3.0
    >>> monitor = Monitor(("flow",), budget="1 per day")
    >>> monitor.update(np.arange(1200.0), flow[:, None]).alerts[0].kind
    'anomaly'
    >>> monitor.update_one(1200.0, flow=32.1).anomaly
    False
    >>> monitor
    Monitor(('flow',), budget='1 per day', warmup=400, source='source'), 1,201 events
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        budget: str | None = None,
        warmup: int | None = None,
        source: str = "source",
        stream: SensorStream | None = None,
    ) -> None:
        self.channels = distinct(channels)
        self.source = source
        self.stream = stream or SensorStream()
        changes = {"channels": self.channels, "budget": budget, "warmup": warmup}
        self.config = changed_stream("monitor", self.stream, changes)
        self.events = 0
        """Events so far."""
        when_compiling(lambda: _log.warning("compiling the detection kernels, up to a minute, once"))
        self._monitor = SensorMonitor(self.config, name="monitor")

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> MonitorResult:
        """Take the next events, in their order.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times in epoch seconds.
        values : array_like, shape (n, d)
            A column a channel; NaN where one is missing.

        Raises
        ------
        DataError
            If the shapes do not fit.
        """
        first = self.events
        outcome = self._take(*checked_batch(self.channels, ts, values))
        scores = outcome.scores
        return MonitorResult(
            scores.score,
            scores.anomaly,
            scores.changepoint,
            scores.drift,
            outcome.alerts,
            {refusal.offset - first: refusal.message for refusal in outcome.refusals},
        )

    def update_one(self, ts: Moment, /, **values: float | None) -> MonitorVerdict:
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
        outcome = self._take(*one_event(self.channels, ts, values))
        scores = outcome.scores
        return MonitorVerdict(
            float(scores.score[0]),
            bool(scores.anomaly[0]),
            bool(scores.changepoint[0]),
            bool(scores.drift[0]),
            outcome.alerts,
            outcome.refusals[0].message if outcome.refusals else None,
        )

    def _take(self, ts: FloatArray, values: FloatArray) -> Outcome:
        if not np.isfinite(ts).all():
            raise DataError(f"event time {ts[~np.isfinite(ts)][0]}: expected epoch seconds")
        n = len(ts)
        groups = [Group(self.channels, np.arange(n), values)] if n else []
        offsets = np.arange(self.events, self.events + n)
        outcome = self._monitor.update(Readings([self.source] * n, ts, offsets, ts, groups))
        self.events += n
        return outcome

    @property
    def features(self) -> dict[str, float | None]:
        """Live features of the newest window, as a worker serves them; empty before the first event."""
        if self.source not in self._monitor:
            return {}
        return dict(self._monitor.features(self.source)[1])

    def state(self) -> dict[str, Any]:
        """Return all that the monitor knows, as plain values."""
        known = self.source in self._monitor
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "source": self.source,
            "budget": self.config.budget,
            "warmup": self.config.warmup,
            "stream": self.stream.model_dump(mode="json"),
            "events": self.events,
            "state": self._monitor.state(self.source) if known else None,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, detector_modules: Collection[str] = ()) -> Self:
        """Return the monitor that had this `state`; it continues to the bit.

        Parameters
        ----------
        state : mapping
            What `state` returned.
        detector_modules : collection of str
            Modules that may be imported for detectors that the state names ``module:Class``.

        Raises
        ------
        StateError
            If the state is of another version or damaged.
        """
        expect_version(state, _VERSION, "the monitor")
        try:
            models = {kind.name: kind.settings for kind in (SENSORS, IMAGES)}
            stream = models[state["stream"]["kind"]].model_validate(state["stream"])
            if refused := refused_modules(stream, detector_modules):
                raise StateError(
                    f"the state of the monitor names {refused[0]}, which would import code; to allow it, pass "
                    "detector_modules"
                )
            monitor = cls(
                state["channels"],
                budget=state["budget"],
                warmup=state["warmup"],
                source=state["source"],
                stream=stream,
            )
            monitor.events = int(state["events"])
            if state["state"] is not None:
                monitor._monitor.restore(monitor.source, state["state"])
        except (KeyError, TypeError, ValueError, SettingsError) as error:
            raise StateError(f"the state of the monitor is damaged ({error}); start it anew") from error
        return monitor

    def __repr__(self) -> str:
        left = self.features.get("anomaly.warmup_left")
        return (
            f"Monitor({self.channels!r}, budget={self.config.budget!r}, warmup={self.config.warmup}, "
            f"source={self.source!r}), {self.events:,} events"
            f"{f', judged after {int(left):,} more' if left else ''}"
        )
