"""The values around an alert, which it carries for pictures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sensor_runs import run

from stream_app.events import Excerpt, SensorRow
from stream_app.events.excerpt import MOST_POINTS
from stream_app.settings import DetectorSettings, SensorStream

# A small window, so that deliveries take the places of what an alert tells of.
SMALL = SensorStream(
    warmup=30,
    window_rows=12,
    resolve_after=9.0,
    cooldown=2.0,
    detectors=(DetectorSettings(name="page_hinkley", parameters={"min_instances": 3, "threshold": 2.0}),),
)


@given(
    levels=st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 25)), min_size=2, max_size=6),
    cuts=st.sets(st.integers(1, 150), max_size=12),
)
@settings(max_examples=5)
def test_it_is_the_same_wherever_deliveries_begin_and_after_a_restart(levels, cuts):
    course = [float(level + i % 3) for level, times in levels for i in range(times)]
    rows = [SensorRow("st"[i % 3 == 0], 1.7e9 + i, {"a": x, "b": -x}) for i, x in enumerate(course)]
    whole = run(SMALL, rows)
    assert run(SMALL, rows, cuts).alerts == whole.alerts
    # A restart takes long, so there is one.
    assert run(SMALL, rows, sorted(cuts)[:1], restart=True).alerts == whole.alerts
    for alert in whole.alerts:
        mine = [row for row in rows if row.source == alert.source]
        until = [row for row in mine if row.ts <= alert.started_at][-9:]
        told = alert.excerpt.seconds[: alert.excerpt.after], alert.excerpt.values[: alert.excerpt.after]
        assert told[0] == tuple(row.ts - alert.started_at for row in until)
        assert told[1] == tuple(row.values[alert.channel] for row in until)


def test_a_resolved_alert_has_the_rows_before_its_end_too():
    stream = SensorStream(channels={"flow": {"min": 0.0, "max": 10.0}, "load": {}})
    values = [5.0] * 60 + [20.0] * 30 + [5.0] * 60
    rows = [
        SensorRow("pump", 1.7e9 + i, {"flow": None if 54 <= i < 60 else x + 0.01 * (i % 7), "load": 0.0 + i})
        for i, x in enumerate(values)
    ]
    alerts = run(stream, rows).alerts
    began = next(alert for alert in alerts if alert.channel == "flow" and alert.excerpt is not None)
    ended = next(alert for alert in alerts if alert.id == began.id and alert.ended_at is not None)
    assert began.excerpt.seconds[-1] == 0.0
    assert began.excerpt.values[-1] >= 20.0
    assert None in began.excerpt.values[-10:]
    assert ended.excerpt.values[: ended.excerpt.after] == began.excerpt.values
    assert ended.excerpt.seconds[-1] == ended.ended_at - ended.started_at
    assert min(ended.excerpt.values[ended.excerpt.after :]) < 10.0


@given(st.lists(st.floats(width=64) | st.none(), min_size=1, max_size=400))
def test_it_is_small_whatever_the_values_are_and_shows_the_one_that_is_farthest_out(drawn):
    values = np.array([math.nan if x is None else x for x in drawn])
    ts = 1.7e9 + np.arange(len(values)) * 0.25
    excerpt = Excerpt.of("x", ts, values, float(ts[-1]))
    more = excerpt.then(ts + 1000.0, values, float(ts[-1]))
    assert len(excerpt.values) <= MOST_POINTS
    assert len(more.values) == 2 * len(excerpt.values)
    assert Excerpt.model_validate_json(more.model_dump_json()) == more
    assert len(more.model_dump_json()) < 2_500
    known = np.sort(values[np.isfinite(values)])
    if len(known):
        middle = known[len(known) // 2]
        told = np.array([x for x in excerpt.values if x is not None])
        # In halves, since a distance may overflow; told values are rounded.
        farthest = np.abs(known / 2.0 - middle / 2.0).max()
        assert np.abs(told / 2.0 - middle / 2.0).max() >= farthest - 1e-5 * np.abs(known).max()


@pytest.mark.parametrize(
    "forged",
    [
        {"seconds": [0.0] * 65, "values": [0.0] * 65},
        {"seconds": [0.0], "values": []},
        {"seconds": [math.inf], "values": [1.0]},
    ],
)
def test_one_that_no_monitor_wrote_is_refused(forged):
    with pytest.raises(ValidationError):
        Excerpt.model_validate({"channel": "x"} | forged)


def test_rows_of_a_damaged_record_that_have_no_time_are_left_out():
    ts = np.array([math.nan, -math.inf, 1.0, -1.7e308, 2.0])
    excerpt = Excerpt.of("x", ts, np.arange(5.0), 2.0)
    assert (excerpt.seconds, excerpt.values) == ((-1.0, -1.7e308, 0.0), (2.0, 3.0, 4.0))
    assert excerpt.then(np.array([math.inf, 3.0]), np.array([5.0, 6.0]), 2.0).values == (2.0, 3.0, 4.0, 6.0)
    assert Excerpt.of("x", ts, np.arange(5.0), math.inf).seconds == ()
