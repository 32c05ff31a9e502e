"""What a stream's settings accept, and how they reach the monitor."""

import numpy as np
import pytest
from pydantic import ValidationError

from stream_app.errors import SettingsError
from stream_app.events import Topics
from stream_app.kinds import input_topic, input_topics
from stream_app.settings import ImageStream, SensorStream, Settings
from stream_app.settings.holidays import holiday_dates
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
    assert input_topic(ImageStream(), Topics("plant")) == "plant.image.features"
    assert input_topic(ImageStream(topic="faces"), Topics()) == "faces"


@pytest.mark.parametrize("output", Topics("plant").outputs())
def test_no_stream_reads_what_streamgauge_writes(output):
    with pytest.raises(SettingsError, match="which Streamgauge writes"):
        input_topics(Settings(prefix="plant", streams={"pumps": SensorStream(topic=output)}))


@pytest.mark.parametrize("topic", ["", ".", "..", "x y", "a/b", "ü", "x" * 250])
def test_a_topic_has_a_name_that_kafka_takes(topic):
    with pytest.raises(ValueError, match="no name that Kafka takes"):
        SensorStream(topic=topic)


def test_a_calendar_is_read_as_durations_a_zone_and_days():
    stream = SensorStream(periods=["1d", "1 week"], timezone="Europe/Berlin", holidays=["2026-12-24"])
    assert stream.periods == (86_400.0, 604_800.0)
    assert SensorStream().periods == (86_400.0,)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"periods": []}, "at least 1 item"),
        ({"periods": ["1d", "24 h"]}, "86400.0 is there twice"),
        ({"periods": ["10 s"]}, "greater than or equal to 60"),
        ({"timezone": "Mars/Olympus"}, "no time zone is named 'Mars/Olympus'"),
        ({"timezone": "../secret"}, "no time zone is named"),
        ({"holidays": ["Christmas"]}, "'Christmas' is n"),
        ({"categories": ["mode", "mode"]}, "'mode' is there twice"),
    ],
)
def test_calendars_and_categories_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(ValidationError, match=says):
        SensorStream(**wrong)


def test_holidays_of_a_country_are_those_of_the_library():
    pytest.importorskip("holidays", reason="the extra calendar is not installed")
    dates = holiday_dates(["DE-BY", "2026-12-24"])
    assert {"2026-01-06", "2026-12-24", "2026-12-25"} <= set(dates)
    assert "2026-01-06" not in holiday_dates(["DE"])
    with pytest.raises(ValueError, match="'XX' is neither a date like 2026-12-25 nor a country"):
        holiday_dates(["XX"])
