"""Categories in a stream of sensors: decoded from texts, watched beside the numbers, kept over restarts."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.events import ReadingDecoder, Readings, SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.store.packing import pack_state, unpack_state

START = 1_700_000_000.0
STREAM = SensorStream(categories=("mode", "valve"), budget="1 per 1000000 events", warmup=300)
N = 2400


def wire(i: int, mode, **more) -> bytes:
    values = {"flow": float(np.sin(i)), "mode": mode, "valve": i % 2 == 0} | more
    return json.dumps({"source": "pump-1", "ts": START + i, "values": values}).encode()


def decoded(raws):
    decoder = ReadingDecoder(("mode", "valve"))
    n = len(raws)
    return decoder.decode(raws, [b"pump-1"] * n, range(n), [START + i for i in range(n)])


@pytest.fixture(scope="module")
def readings():
    rng = np.random.default_rng(1)
    modes = ["eco", "boost"]
    raws = [wire(i, modes[int(rng.random() < (0.2 if i < 1500 else 0.8))]) for i in range(N)]
    raws[1000] = wire(1000, "purge")
    found, rejected = decoded(raws)
    assert not rejected
    return found


def test_a_new_mode_and_a_shift_of_modes_raise_drift_alerts_that_say_what_changed(readings):
    monitor = SensorMonitor(STREAM)
    alerts = [
        one for one in monitor.update(readings).alerts if one.channel == "mode" and one.state == "firing"
    ]
    new, shift = alerts
    assert (new.kind, new.detector, new.offset) == ("drift", "new_category", 1000)
    assert new.summary == "new category in mode: purge"
    assert (shift.detector, 1500 < shift.offset < 1800) == ("category_shares", True)
    assert shift.summary.startswith("shares in mode have shifted: ")
    assert "eco" in shift.summary
    _, features = monitor.features("pump-1")
    assert features["mode.categories"] == 3
    assert "flow.mean" in features
    assert "mode.mean" not in features


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(1, N - 1), max_size=3))
def test_batches_and_restarts_change_nothing(readings, cuts):
    whole = SensorMonitor(STREAM)
    expected = whole.update(readings).alerts
    monitor, found = SensorMonitor(STREAM), []
    for begin, end in pairwise([0, *sorted(set(cuts)), N]):
        found += monitor.update(readings.at(np.arange(begin, end))).alerts
        state = unpack_state(pack_state(monitor.state("pump-1")), "pump-1")
        monitor = SensorMonitor(STREAM)
        monitor.restore("pump-1", state)
    assert found == expected
    assert pack_state(monitor.state("pump-1")) == pack_state(whole.state("pump-1"))


def test_texts_elsewhere_and_no_texts_are_refused_in_words():
    raws = [wire(0, "eco"), wire(1, "eco", flow="high"), wire(2, ""), wire(3, {}), wire(4, 3), wire(5, None)]
    found, rejected = decoded(raws)
    assert [place for place, _ in rejected] == [1, 2, 3]
    assert all("values" in why.message for _, why in rejected)
    assert len(found) == 3


def test_codes_are_categories_too_and_declared_channels_are_those_of_numbers():
    stream = SensorStream(channels=["flow", "mode"], categories=["mode"], warmup=100)
    monitor = SensorMonitor(stream)
    rows = [SensorRow("a", START + i, {"flow": float(i % 7), "mode": float(i % 3)}) for i in range(900)]
    rows[700].values["mode"] = 9.0
    outcome = monitor.update(Readings.of(rows))
    assert not outcome.refusals
    assert [one.summary for one in outcome.alerts][:1] == ["new category in mode: 9"]


def test_a_source_may_have_nothing_but_categories():
    monitor = SensorMonitor(STREAM)
    rows = [SensorRow("a", START + i, {"mode": float(i % 3)}) for i in range(900)]
    rows[700].values["mode"] = 9.0
    outcome = monitor.update(Readings.of(rows))
    assert not outcome.refusals
    assert [one.summary for one in outcome.alerts][:1] == ["new category in mode: 9"]
    assert monitor.features("a")[1]["mode.categories"] == 4
