"""What a stream's settings accept, and how they reach the monitor."""

import numpy as np
import pytest
from pydantic import ValidationError

from stream_app.events import Topics
from stream_app.kinds import input_topic
from stream_app.settings import ImageStream, SensorStream, Settings
from stream_app.testing import readings, run_monitor


def features(stream, values):
    run = run_monitor(readings(values[:, None], ["x"], source="pump"), stream)
    return run.monitor.features("pump")[1]


def test_a_window_is_a_duration_or_a_number_of_events():
    values = np.arange(100)
    by_time = features(SensorStream(window="10s"), values)
    by_count = features(SensorStream(window="25 events"), values)
    assert (by_time["x.count"], by_time["x.min"]) == (10, 90)
    assert (by_count["x.count"], by_count["x.min"]) == (25, 75)


def test_a_window_by_count_needs_no_rows():
    with pytest.raises(ValidationError, match="leave out window_rows"):
        SensorStream(window="25 events", window_rows=30)


def test_limits_must_be_in_order():
    with pytest.raises(ValidationError, match="must be below"):
        SensorStream(channels={"flow": {"min": 3, "max": 1}})


def test_channels_are_names_or_a_table_of_limits():
    assert SensorStream(channels=["a", "b"]).channel_names == ("a", "b")
    assert SensorStream(channels={"a": {"max": 2}}).limits == {"a": (None, 2.0)}
    with pytest.raises(ValidationError, match="list of channel names or a table of limits"):
        SensorStream(channels=3)


def test_images_are_watched_by_other_defaults():
    said = {"streams": {"camera": {"kind": "images", "warmup": 800}, "pumps": {}}}
    camera, pumps = Settings(**said).streams.values()
    assert isinstance(camera, ImageStream)
    assert not isinstance(pumps, ImageStream)
    assert (camera.draws, camera.warmup, camera.window_rows, camera.window) == (True, 800, 500, None)
    assert camera.budget == "1 per 10000 events"
    assert not pumps.draws
    assert ImageStream(window="60s").window == 60.0


def test_each_kind_has_a_topic_of_its_own():
    assert input_topic(ImageStream(), Topics("plant.")) == "plant.image.features"
    assert input_topic(ImageStream(topic="faces"), Topics()) == "faces"
