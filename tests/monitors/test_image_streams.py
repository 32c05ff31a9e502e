"""Streams of image features: what is told of them, and what is not."""

import numpy as np
import pytest
from images import CHANNELS, blurred, dimmed, features, noisy, strokes
from sensor_runs import packed
from sensor_runs import run as run_deliveries

from stream_app.errors import StateError
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import ImageStream, SensorStream
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings, run_monitor

CONFIG = ImageStream()


def run(values, config=CONFIG, **options):
    return run_monitor(readings(values, CHANNELS, source="camera-1"), config, **options)


def stream(change, at=1500, rows=1700, seed=1):
    images = strokes(rows, seed)
    images[at:] = change(images[at:])
    return features(images)


@pytest.mark.parametrize("change", [blurred, dimmed, noisy])
def test_a_change_of_the_images_is_told_as_drift_within_100_images(change):
    result = run(stream(change))
    assert {alert.kind for alert in result.alerts} == {"drift"}
    assert 1500 <= result.alerts[0].offset < 1600
    assert np.flatnonzero(result.scores.drift)[0] == result.alerts[0].offset


def test_a_frozen_camera_is_drift():
    def frozen(images):
        return images[:1].repeat(len(images), axis=0)

    result = run(stream(frozen))
    assert {alert.kind for alert in result.alerts} == {"drift"}
    assert 1500 <= result.alerts[0].offset < 1600


def test_all_channels_together_have_an_alert_of_their_own():
    alerts = run(stream(blurred)).alerts
    together = [alert for alert in alerts if alert.detector in ("drift.distance", "drift.multivariate")]
    assert [alert.channel for alert in together] == ["*"]
    assert together[0].summary.startswith("channels together no longer look as before")


def test_odd_images_and_pauses_are_no_alerts():
    images = strokes(1500, seed=2)
    images[700] = 1.0
    images[900:905] = 0.0
    events = readings(features(images), CHANNELS, source="camera-1")
    late = [
        event if i < 1200 else type(event)(event.source, event.ts + 50_000.0, event.values)
        for i, event in enumerate(events)
    ]
    assert run_monitor(late, CONFIG).alerts == []


@pytest.mark.slow
def test_clean_images_keep_the_budget():
    values = features(strokes(12_000, seed=3))
    config = ImageStream(budget="1 per 3000 events")
    assert len(run(values, config).alerts) <= 4


def test_limits_are_watched_where_they_are_set():
    config = ImageStream(channels={name: {"max": 0.01} if name == "brightness" else {} for name in CHANNELS})
    assert {alert.detector for alert in run(stream(dimmed)[:300], config).alerts} == {"quality.range"}


def test_batches_and_restores_leave_no_trace():
    events = readings(stream(noisy, at=900, rows=1300), CHANNELS, source="camera-1")
    whole = run_deliveries(CONFIG, events)
    pieces = run_deliveries(CONFIG, events, (1, 41, 441, 444, 744, 745), restart=True)
    assert whole.alerts
    assert pieces.said() == whole.said()
    assert packed(pieces.monitor) == packed(whole.monitor)


def test_the_state_of_a_stream_of_sensors_is_not_one_of_images():
    events = readings(stream(dimmed)[:200], CHANNELS, source="camera-1")
    sensors = run_monitor(events, SensorStream()).monitor
    state = unpack_state(pack_state(sensors.state("camera-1")), "test")
    with pytest.raises(StateError, match="camera-1"):
        SensorMonitor(CONFIG).restore("camera-1", state)
