"""The adapter says what River says, survives what River doesn't, and its state runs nothing."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from stream_app.core.river_adapter import SHORT_NAMES, RiverDetector, known_detectors
from stream_app.core.river_adapter.catalogue import build, is_binary
from stream_app.core.river_adapter.codec import admitted_classes, decode, encode
from stream_app.errors import DataError, OldStateError, StateError

SEEDED = {"river.drift.KSWIN", "river.drift.DummyDriftDetector"}


def stream(name, n=1200, d=2, seed=0):
    rng = np.random.default_rng(seed)
    level = np.where(np.arange(n) // 300 % 2 == 0, 0.0, 1.0)[:, None]
    if is_binary(name):
        return (rng.random((n, d)) < 0.1 + 0.5 * level).astype(float)
    return rng.normal(size=(n, d)) + 3.0 * level


def plain_river(name, values):
    """Drifts and warnings of River alone, value by value."""
    found = []
    for i in range(values.shape[1]):
        detector = known_detectors()[name](**({"seed": i} if name in SEEDED else {}))
        warned = False
        for row, x in enumerate(values[:, i].tolist()):
            detector.update(x)
            warning = getattr(detector, "warning_detected", False)
            if detector.drift_detected:
                found.append((row, i, "drift"))
            elif warning != warned:
                found.append((row, i, "warning" if warning else "over"))
            warned = warning
    return sorted(found)


def said(signals, channels):
    def what(s):
        return "drift" if not s.detector.endswith(".warning") else "over" if s.ended else "warning"

    return [(s.row, channels.index(s.channel), what(s)) for s in signals]


@pytest.mark.parametrize("name", sorted(known_detectors()))
def test_signals_are_rivers(name):
    values = stream(name, n=600 if name in SEEDED else 3000)
    detector = RiverDetector(["a", "b"], name, every=1)
    got, start = [], 0
    for size in (1, 99, 200, len(values)):
        batch = values[start : start + size]
        got += [
            (row + start, i, what)
            for row, i, what in said(detector.update(np.arange(len(batch)), batch), ["a", "b"])
        ]
        start += len(batch)
    assert got == plain_river(name, values)
    if name not in ("river.drift.NoDrift", "river.drift.binary.FHDDM"):
        assert any(what == "drift" for *_, what in got)


@pytest.mark.parametrize("mode", ["up", "down", "both"])
def test_quick_page_hinkley_keeps_rivers_state(mode):
    values = np.random.default_rng(4).normal(np.repeat([0.0, 2.0, -1.0], 400))
    plain = drift.PageHinkley(mode=mode, threshold=20.0)
    ours = RiverDetector(["a"], "page_hinkley", {"mode": mode, "threshold": 20.0})
    hits = []
    for row, x in enumerate(values.tolist()):
        plain.update(x)
        if plain.drift_detected:
            hits.append(row)
    assert [s.row for s in ours.update(np.arange(1200.0), values[:, None])] == hits != []
    assert ours.state()["payload"] == [encode(plain)]


@settings(max_examples=10)
@given(
    st.sampled_from(sorted(known_detectors())),
    st.lists(st.integers(0, 120), min_size=1, max_size=5),
    st.integers(1, 4),
)
def test_neither_batch_borders_nor_restores_nor_gaps_change_a_bit(name, sizes, every):
    values = stream(name, n=sum(sizes))
    values[::7, 0] = np.nan
    ts = np.arange(len(values)) * 1.0
    whole = RiverDetector(["a", "b"], name, every=every, seed=5)
    expected = whole.update(ts, values)
    pieces, got, start = RiverDetector(["a", "b"], name, every=every, seed=5), [], 0
    for size in sizes:
        pieces = RiverDetector.from_state(pieces.state())
        batch = slice(start, start + size)
        got += [
            (s.ts, s.channel, s.detector, s.statistic, s.context)
            for s in pieces.update(ts[batch], values[batch])
        ]
        start += size
    assert got == [(s.ts, s.channel, s.detector, s.statistic, s.context) for s in expected]
    assert pieces.state() == whole.state()


@pytest.mark.parametrize("name", ["adwin", "page_hinkley", "kswin"])
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, 1e308, -1e300])
def test_no_number_silences_a_detector(name, poison):
    values = stream(SHORT_NAMES[name], n=600, d=1)
    clean = RiverDetector(["a"], name, every=1)
    poisoned = RiverDetector(["a"], name, every=1)
    poisoned.update([0.0], [[poison]])
    ts = np.arange(600.0)
    assert poisoned.update(ts, values) == clean.update(ts, values) != []
    assert poisoned.skipped == {"a": 1}


def test_detectors_of_errors_take_only_errors():
    detector = RiverDetector(["a"], "ddm")
    detector.update(np.arange(5.0), [[0.0], [1.0], [0.5], [7.0], [math.nan]])
    assert detector.skipped == {"a": 3}


def test_adwin_says_by_how_much_the_mean_moved():
    values = np.random.default_rng(0).normal(size=(2000, 1))
    values[1000:] += 3.0
    signal = RiverDetector(["a"], "adwin").update(np.arange(2000.0), values)[0]
    context = dict(signal.context)
    assert context["mean_before"] == pytest.approx(0.0, abs=0.2)
    # ADWIN drops whole buckets, so a few values from before the change stay in its window.
    assert 1.0 < context["mean_after"] < 3.5
    assert context["n_before"] + context["n_after"] == signal.row + 1
    assert signal.statistic == pytest.approx(context["mean_after"] - context["mean_before"])


def test_every_feeds_each_channel_its_own_every_kth_value():
    values = stream("river.drift.ADWIN")
    values[:5, 1] = np.nan
    thinned = RiverDetector(["a", "b"], "adwin", every=3)
    thinned.update(np.arange(1200.0), values)
    for i, column in enumerate((values[:, 0], values[5:, 1])):
        alone = RiverDetector(["x"], "adwin", every=1)
        alone.update(np.arange(len(column[::3])), column[::3, None])
        assert thinned.state()["payload"][i] == alone.state()["payload"][0]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("os.system", {}, "unknown River drift detector 'os.system'; known are adwin"),
        ("river.drift.DriftRetrainingClassifier", {}, "unknown"),
        ("river.drift.datasets.AirlinePassengers", {}, "unknown"),
        ("adwin", {"gamma": 1}, "has no parameter 'gamma'; it has delta, clock"),
        ("adwin", {"delta": "0.1"}, "must be a number, got '0.1'"),
        ("adwin", {"delta": 0.0}, "between 0 and 1"),
        ("adwin", {"clock": 0}, "at least 1"),
        ("adwin", {"clock": 2.5}, "whole number"),
        ("adwin", {"clock": True}, "whole number"),
        ("page_hinkley", {"threshold": math.inf}, "finite"),
        ("page_hinkley", {"mode": 3}, "must be a str"),
        ("page_hinkley", {"mode": "sideways"}, "refuses its parameters"),
        ("kswin", {"window_size": 10, "stat_size": 30}, "refuses its parameters"),
        ("kswin", {"seed": None}, "whole number"),
        ("kswin", {"window": [1.0]}, "has no parameter 'window'"),
        ("hddm_a", {"two_sided_test": 1}, "must be a bool"),
        ("fhddm", {"confidence_level": 1.5}, "between 0 and 1"),
    ],
)
def test_wrong_names_and_parameters_are_told(name, parameters, message):
    with pytest.raises(DataError, match=message):
        RiverDetector(["a"], name, parameters)


def test_wrong_shapes_and_options_are_told():
    with pytest.raises(DataError, match="does not fit"):
        RiverDetector(["a"], "adwin").update([1.0], [[1.0, 2.0]])
    with pytest.raises(DataError, match="every must be"):
        RiverDetector(["a"], "adwin", every=0)


def test_only_rivers_detectors_and_their_parts_are_admitted():
    for name in admitted_classes():
        module, _, _ = name.partition(":")
        assert module.startswith(("river.drift.", "river.stats.", "river._river_rust."))


@pytest.mark.parametrize(
    "text",
    [
        '{"object": "subprocess:Popen", "attributes": {}}',
        '{"object": "builtins:getattr", "attributes": {}}',
        '{"native": "river.drift.adwin:ADWIN", "arguments": [], "state": ""}',
        '{"native": "river._river_rust.drift:AdaptiveWindowing", "arguments": [0.002, 32, 5, 5, 10], "state": "AAAA"}',
        '{"method": "__class__"}',
        '{"again": 3}',
        '{"unknown": 1}',
        "{}",
        "[1]",
        "{",
        '{"list": ' * 100_000,
        '{"random": [3, [1, 2], null]}',
    ],
)
def test_a_forged_state_is_refused(text):
    with pytest.raises(StateError):
        decode(text)


def test_a_state_survives_json_as_it_would_msgpack():
    detector = RiverDetector(["a"], "kswin", every=1)
    detector.update(np.arange(150.0), np.random.default_rng(0).normal(size=(150, 1)))
    state = json.loads(json.dumps(detector.state()))
    assert RiverDetector.from_state(state).state() == detector.state()


def test_a_key_signs_the_state():
    state = RiverDetector(["a"], "adwin", key=b"secret").state()
    assert RiverDetector.from_state(state, key=b"secret").state() == state
    for forged in (state | {"bound": 1.0}, state | {"signature": None}, state | {"payload": []}):
        with pytest.raises(StateError, match="not signed with the key"):
            RiverDetector.from_state(forged, key=b"secret")
    with pytest.raises(StateError, match="not signed"):
        RiverDetector.from_state(state, key=b"other")


def test_a_state_of_another_version_is_refused_by_name():
    state = RiverDetector(["a"], "adwin").state()
    with pytest.raises(OldStateError, match=r"written by River 0\.1\.0"):
        RiverDetector.from_state(state | {"river": "0.1.0"})
    with pytest.raises(StateError, match="version 9"):
        RiverDetector.from_state(state | {"version": 9})
    with pytest.raises(StateError, match="does not fit its channels"):
        RiverDetector.from_state(state | {"payload": []})
    with pytest.raises(StateError, match="does not fit its channels"):
        RiverDetector.from_state(state | {"payload": RiverDetector(["a"], "kswin").state()["payload"]})
    with pytest.raises(StateError, match="damaged"):
        RiverDetector.from_state(state | {"progress": 3})


def test_shared_and_drawing_parts_come_back_as_they_were():
    detector = build("river.drift.KSWIN", {}, seed=1)
    generator = random.Random(3)
    generator.gauss(0, 1)
    detector._rng = generator
    detector.window = detector.extra = [1.0, (2, None), {"k": True}]
    again = decode(encode(detector))
    assert again._rng.getstate() == generator.getstate()
    assert again.window == detector.window
    assert again.window is again.extra
