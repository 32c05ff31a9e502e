"""What a sensor may send and a monitor must take: nothing here raises, and no figure of an alert is NaN."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events import SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import ChannelSettings, DetectorSettings, SensorStream
from stream_app.store import pack_state, unpack_state
from stream_app.testing import reading, readings, run_monitor

NAMES = ("a", "b")
ROWS = 1800
CONFIG = SensorStream(
    budget="1 per 500 events",
    warmup=100,
    detectors=(
        DetectorSettings(name="adwin"),
        DetectorSettings(name="ks"),
        DetectorSettings(name="kswin", every=20),
    ),
)


def ordinary():
    return np.random.default_rng(0).normal(size=(ROWS, 2))


def late(x, value, start=1200):
    x[start:] = value
    return x


def sparse():
    x = ordinary()
    x[np.random.default_rng(1).random(x.shape) < 0.97] = np.nan
    return x


AWKWARD = {
    "constant": np.full((ROWS, 2), 3.0),
    "constant, then not": np.where(np.arange(ROWS)[:, None] < 900, 3.0, ordinary()),
    "two levels": np.where(ordinary() > 0.0, 1.0, 0.0),
    "missing for long": late(ordinary(), np.nan),
    "missing, then there": np.where(np.arange(ROWS)[:, None] < 900, np.nan, ordinary()),
    "one channel never there": ordinary() * np.array([1.0, np.nan]),
    "mostly missing": sparse(),
    "huge": np.where(np.arange(ROWS)[:, None] % 2 == 0, 1e300, -1e300) * np.ones((1, 2)),
    "huge all of a sudden": late(ordinary(), 1e300),
    "one huge value": np.where((np.arange(ROWS) == 1000)[:, None], -1e300, ordinary()),
    "largest of all": late(ordinary(), np.finfo(np.float64).max),
    "tiny": ordinary() * 5e-324,
    "far from zero": ordinary() * 1e-3 + 1e9,
    "a ramp": np.arange(2.0 * ROWS).reshape(ROWS, 2),
    "collinear": ordinary()[:, :1] * np.array([[1.0, -2.0]]),
    "a jump of everything": ordinary() + 1e6 * (np.arange(ROWS)[:, None] > 1200),
}


def assert_sound(run, config=CONFIG):
    assert np.isfinite(run.scores.score).all()
    for alert in run.alerts:
        figures = [alert.started_at, alert.statistic, alert.threshold, *alert.context.values()]
        figures += [share for _, share in alert.contributions]
        assert all(map(math.isfinite, figures)), alert
        json.dumps(alert.to_cloudevent(), allow_nan=False)
        if alert.contributions:
            assert math.isclose(sum(share for _, share in alert.contributions), 1.0, abs_tol=1e-9)
    for source in run.monitor.sources():
        ts, features = run.monitor.features(source)
        assert math.isfinite(ts)
        assert all(value is None or math.isfinite(value) for value in features.values())
        json.dumps(features, allow_nan=False)
        restored = SensorMonitor(config)
        restored.restore(source, unpack_state(pack_state(run.monitor.state(source)), source))
        assert pack_state(restored.state(source)) == pack_state(run.monitor.state(source))


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("declared", [False, True])
def test_awkward_numbers_give_finite_alerts_scores_and_features(name, declared):
    channels = {"a": ChannelSettings(min=-100.0), "b": ChannelSettings()} if declared else None
    config = CONFIG.model_copy(update={"channels": channels})
    assert_sound(run_monitor(readings(AWKWARD[name], NAMES), config, batch=600), config)


numbers = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 1e300, -1e300, 5e-324, 1.7976931348623157e308]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-5, 5).map(float),
)
pieces = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abcd"), numbers, max_size=4), st.integers(1, 200)),
    min_size=1,
    max_size=8,
)


@given(pieces=pieces, gap=st.sampled_from([0.001, 1.0, 86_400.0]))
@settings(max_examples=25)
def test_channels_may_come_and_go_with_any_values(pieces, gap):
    rows = [values for values, times in pieces for _ in range(times)]
    noise = np.random.default_rng(4).normal(size=len(rows))
    events = [
        SensorRow("s", 1.7e9 + i * gap, {**values, "e": float(noise[i])}) for i, values in enumerate(rows)
    ]
    run = run_monitor(events, CONFIG, batch=300)
    assert_sound(run)
    assert len(run.refusals) == 0


def test_one_reading_is_enough_to_be_looked_up_and_restored():
    run = run_monitor([reading(flow=1.0)])
    assert run.alerts == []
    assert run.monitor.features("pump-1")[1]["flow.last"] == 1.0
    assert_sound(run, SensorStream())


def test_a_reading_without_any_value_is_taken():
    run = run_monitor([reading(flow=None)] + [reading(ts=1.7e9 + i, flow=None) for i in range(1, 500)])
    assert [alert for alert in run.alerts if alert.kind != "quality"] == []
    assert_sound(run, SensorStream())


@pytest.mark.parametrize("cast", [int, bool], ids=["integers", "booleans"])
def test_integers_and_booleans_are_numbers(cast):
    bits = np.random.default_rng(6).integers(0, 2, size=(1500, 2))
    whole = [SensorRow("s", 1.7e9 + i, {"a": cast(a), "b": cast(b)}) for i, (a, b) in enumerate(bits.tolist())]  # fmt: skip
    plain = [SensorRow("s", row.ts, {k: float(v) for k, v in row.values.items()}) for row in whole]
    run, same = run_monitor(whole, CONFIG), run_monitor(plain, CONFIG)
    assert_sound(run)
    assert [a.model_dump_json() for a in run.alerts] == [a.model_dump_json() for a in same.alerts]


def test_a_source_that_stands_still_and_one_that_is_late_do_no_harm():
    standing = [SensorRow("s", 1.7e9, {"a": float(i)}) for i in range(200)]
    assert_sound(run_monitor(standing, CONFIG))
    backwards = [SensorRow("s", 1.7e9 - i, {"a": float(i)}) for i in range(200)]
    run = run_monitor(backwards, CONFIG)
    assert_sound(run)
    assert {refusal.reason.value for refusal in run.refusals} == {"late"}


def test_what_is_nearly_always_missing_does_not_stop_the_others():
    x = np.random.default_rng(8).normal(size=(6000, 2))
    x[np.random.default_rng(9).random(6000) < 0.99, 1] = np.nan
    x[5000:5100, 0] += 12.0
    run = run_monitor(readings(x, NAMES), SensorStream(channels=NAMES, budget="1 per 5000 events"))
    assert any(alert.kind == "anomaly" and 5000 <= alert.offset < 5020 for alert in run.alerts)
