"""Detectors of one source take one event as well as arrays, also in a loop of River."""

import copy
import pickle

import numpy as np
import pytest
from river import linear_model, preprocessing

import stream_app as sg
from stream_app.errors import DataError, SettingsError, StateError

CHANNELS = ("flow", "level")
N = 1500
MAKE = {
    "drift": lambda: sg.DriftDetector(CHANNELS, sg.DriftConfig(warmup=400)),
    "multivariate": lambda: sg.MultivariateDriftDetector(CHANNELS, sg.MultivariateConfig(warmup=400)),
    "anomaly": lambda: sg.AnomalyDetector(CHANNELS, rate=1e-3),
}
detectors = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def rows():
    values = np.random.default_rng(3).normal(size=(N, 2))
    values[900:, 0] += 2.0
    values[::97, 1] = np.nan
    return values


def seen(signal):
    # The row counts from the batch.
    return (signal.ts, signal.detector, signal.channel, signal.statistic, signal.ended, signal.context)


@detectors
def test_one_event_at_a_time_is_the_same_as_arrays(make):
    whole, single = make(), make()
    expected = whole.update(np.arange(float(N)), rows())
    verdicts = [
        # A value that is missing may be left out or be None.
        single.update_one(float(i), flow=flow, **({} if np.isnan(level) else {"level": level}))
        for i, (flow, level) in enumerate(rows().tolist())
    ]
    found = [seen(signal) for verdict in verdicts for signal in verdict.signals]
    assert found == [seen(signal) for signal in expected.signals]
    assert found
    assert single.state() == whole.state()
    for name in ("drift", "statistic", "score", "marked", "alarmed", "changepoint"):
        if hasattr(expected, name):
            assert [getattr(verdict, name) for verdict in verdicts] == getattr(expected, name).tolist()


@detectors
def test_its_repr_says_what_it_is(make):
    text = repr(make())
    assert text.startswith(f"{type(make()).__name__}(('flow', 'level'), ")
    assert "Config(" in text


@detectors
def test_copies_and_pickles_continue(make):
    detector = make()
    detector.update(np.arange(800.0), rows()[:800])
    later = np.arange(800.0, N)
    expected = make().from_state(detector.state()).update(later, rows()[800:]).signals
    for other in (copy.deepcopy(detector), pickle.loads(pickle.dumps(detector))):
        assert list(map(seen, other.update(later, rows()[800:]).signals)) == list(map(seen, expected))


@detectors
def test_an_event_of_no_channel_or_without_a_number_is_refused(make):
    with pytest.raises(DataError, match="'flaw' is no channel; there is flow, level"):
        make().update_one(0.0, flaw=1.0)
    with pytest.raises(DataError, match="expected numbers"):
        make().update_one(0.0, flow="high")
    with pytest.raises(DataError, match="expected numbers"):
        make().update_one("noon", flow=1.0)


@detectors
@pytest.mark.parametrize(
    "damage",
    [
        {"layout": "other"},
        {"record": b""},
        {"record": None},
        {"config": {"warm": 1}},
        {"channels": ["a", "a"]},
    ],
)
def test_a_damaged_state_is_a_state_error(make, damage):
    detector = make()
    with pytest.raises(StateError):
        type(detector).from_state(detector.state() | damage)


@pytest.mark.parametrize("kind", [sg.DriftDetector, sg.MultivariateDriftDetector, sg.AnomalyDetector])
def test_one_text_is_no_list_of_channels(kind):
    # A pair of brackets makes no tuple: ("flow") is a text.
    with pytest.raises(SettingsError, match=r"expected a sequence of names, like \('flow',\)"):
        kind("flow")


def test_a_pipeline_of_river_is_renewed_when_its_input_drifts():
    rng = np.random.default_rng(11)
    drift, renewed = sg.DriftDetector(("x",), sg.DriftConfig(false_alarm_rate=1e-4, warmup=400)), []
    scaler = preprocessing.StandardScaler()
    model = scaler | linear_model.LogisticRegression()
    for i in range(2000):
        x = {"x": float(rng.normal(0.0 if i < 1200 else 1.5))}
        model.learn_one(x, x["x"] > 0.5)
        if drift.update_one(i, **x).drift:
            renewed.append(i)
            model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    assert [1200 <= i < 1260 for i in renewed] == [True]
    assert model.predict_one({"x": 3.0}) is True
