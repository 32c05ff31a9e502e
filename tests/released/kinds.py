"""What a released version keeps of each kind of stream: one source's state after a fixed log, and how the log goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from images import CHANNELS, features, strokes
from platform_events import events_of
from prediction_streams import arrivals, events, model

from stream_app.core.features import EntityLog, Evaluator, Feature, FeatureView, Layout, Sliding, micros
from stream_app.events import PlatformDecoder, Readings, Rejected, SessionRow
from stream_app.kinds import KINDS
from stream_app.monitors.platform import Arrivals
from stream_app.monitors.sessions import SessionArrivals, SessionConfig, SessionMonitor
from stream_app.settings import (
    ChannelSettings,
    DetectorSettings,
    ImageStream,
    PlatformStream,
    PredictionStream,
    SensorStream,
    Stream,
)
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings

__all__ = ["KEPT", "SENSORS", "Kept", "Result"]

_START = 1_700_000_000.0


@dataclass(frozen=True)
class Result:
    """What came of the whole log.

    Parameters
    ----------
    events : float
        Events of the source that were counted, of both halves.
    alerts : sequence of (str, str)
        Identity and state of its alerts in the second half.
    """

    events: float
    alerts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Kept:
    """A kind with a log of two halves.

    Parameters
    ----------
    first : callable
        Returns the state after the first half, as it is stored in Redis.
    log : sequence
        Rows of both halves.
    second : callable
        Takes a stored state, continues with the second half, and returns what came of it; raises `StateError` where the
        state cannot be taken over.
    """

    first: Callable[[], bytes]
    log: Sequence[Any]
    second: Callable[[bytes], Result]


def _by_source(
    source: str, stream: Stream, rows: Sequence[Any], delivery: Callable[[Sequence[Any], int], Any]
) -> Kept:
    """A kind whose states are those of sources."""
    middle = len(rows) // 2
    monitor_of = KINDS[stream.kind].monitor
    assert monitor_of is not None
    make = monitor_of(stream.kind, stream, None)

    def first() -> bytes:
        monitor = make()
        monitor.take(delivery(rows[:middle], 0))
        return pack_state(monitor.state(source))

    def second(blob: bytes) -> Result:
        monitor = make()
        cold = monitor.restore(source, unpack_state(blob, source))
        assert not cold, cold
        outcomes = monitor.take(delivery(rows[middle:], middle))
        ((_, values),) = monitor.features_of([source])
        return Result(
            float(values["events"] or 0),
            [(alert.id, alert.state.value) for outcome in outcomes for alert in outcome.alerts],
        )

    return Kept(first, rows, second)


def _readings(rows: Sequence[Any], offset: int) -> Readings:
    return Readings.of(rows, range(offset, offset + len(rows)))


SENSORS = SensorStream(
    warmup=60,
    channels={"flow": ChannelSettings(), "power": ChannelSettings(max=1e6)},
    detectors=(DetectorSettings(name="ks", parameters={"window": 30}), DetectorSettings(name="adwin")),
)


def _sensors() -> Kept:
    values = np.random.default_rng(0).normal(size=(400, 2))
    values[150:220, 0] += 9.0
    return _by_source("pump-1", SENSORS, readings(values, ["flow", "power"]), _readings)


def _images() -> Kept:
    rows = readings(features(strokes(800, 1)), CHANNELS, source="camera-1")
    return _by_source("camera-1", ImageStream(warmup=200), rows, _readings)


def _predictions() -> Kept:
    rows = events(*model(np.random.default_rng(0), 300, 2.0))
    return _by_source("m", PredictionStream(window=100, baseline=100, feature_window=50), rows, arrivals)


def _sessions() -> Kept:
    view = FeatureView("purchases", (Feature("n", "count", window=Sliding(1000.0)),), lateness=5.0)
    config = SessionConfig((view,))
    rows = [
        SessionRow("anna", _START + i, "purchase", {"amount": float(i)}, {"item": "hat"}, f"e{i}")
        for i in range(40)
    ]

    def arrived(monitor: SessionMonitor, begin: int, end: int) -> bytes:
        part = rows[begin:end]
        outcome = monitor.update(SessionArrivals(part, list(range(begin, end)), [row.ts for row in part]))
        return outcome.changes[-1].log

    def first() -> bytes:
        monitor = SessionMonitor(config)
        monitor.restore("anna", {view.key: None})
        return arrived(monitor, 0, 20)

    def second(blob: bytes) -> Result:
        monitor = SessionMonitor(config)
        monitor.restore("anna", {view.key: blob})
        layout = Layout(view)
        log = EntityLog.decode(arrived(monitor, 20, 40), layout)
        read = Evaluator(layout).read(log, micros(rows[-1].ts + 1.0))
        return Result(float(read.values[0] or 0))

    return Kept(first, rows, second)


def _platform() -> Kept:
    """A source whose events are samples; a kept row is the value of a record, which has those of a scrape."""
    rows = events_of(120, slow=range(100, 120))

    def delivery(values: Sequence[bytes], offset: int) -> Arrivals:
        arrivals = Arrivals()
        for place, decoded in enumerate(PlatformDecoder("prod").decode(values), start=offset):
            assert not isinstance(decoded, Rejected)
            arrivals.rows.extend(decoded)
            arrivals.offsets.extend([place] * len(decoded))
            arrivals.record_ts.extend([decoded[0].ts] * len(decoded))
        return arrivals

    return _by_source("prod", PlatformStream(warmup=100), rows, delivery)


KEPT: Mapping[str, Callable[[], Kept]] = {
    "sensors": _sensors,
    "images": _images,
    "predictions": _predictions,
    "sessions": _sessions,
    "platform": _platform,
}
"""By kind."""
