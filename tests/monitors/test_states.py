"""Stored states that are damaged, forged, or of another version or other settings."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_runs import packed

from stream_app.errors import OldStateError, StateError
from stream_app.events import SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import DetectorSettings, SensorStream
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings, run_monitor

CONFIG = SensorStream(expected_sources=3, warmup=60, detectors=(DetectorSettings(name="ks", parameters={"window": 30}), DetectorSettings(name="adwin")))  # fmt: skip
X = np.random.default_rng(0).normal(size=(300, 2))
X[150:, 0] += 9.0
EVENTS = readings(X, ["flow", "power"])


@pytest.fixture(scope="module")
def state():
    monitor = run_monitor(EVENTS[:200], CONFIG).monitor
    return unpack_state(pack_state(monitor.state("pump-1")), "here")


def test_the_state_of_these_tests_has_an_alert_that_fires(state):
    assert state["alerts"]["firing"]


def places(value, path=()):
    """Paths of all parts of a state."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places(part, (*path, name))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


JUNK = st.sampled_from(
    [None, -1, 2**62, 1e308, float("nan"), "", "x" * 100, [], {}, [[[]]], {"version": 2}, b"\x80\x04.", True]
) | st.sampled_from([np.zeros(0), np.zeros((3, 0)), np.zeros(7, dtype=np.int8), np.full((2, 2), np.nan)])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(data=st.data(), junk=JUNK)
@settings(max_examples=400)
def test_junk_anywhere_in_a_state_is_refused_by_name_or_harmless(state, data, junk):
    path = data.draw(st.sampled_from(sorted(filter(None, places(state)), key=str)))
    monitor = SensorMonitor(CONFIG)
    try:
        monitor.restore("pump-1", replaced(state, path, junk))
    except StateError as error:
        assert "pump-1" in str(error)  # noqa: PT017 either is right
        assert "pump-1" not in monitor
        assert (len(monitor), monitor._placement._banks, monitor._trackers, monitor._extras) == (
            0,
            {},
            {},
            {},
        )
        run_monitor(EVENTS[200:], CONFIG, monitor=monitor)
        assert monitor.features("pump-1")[1]["events"] == 100


def noise(size, seed):
    """Bytes of no order, as many as one likes."""
    return hashlib.shake_128(seed).digest(size)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(
    seed=st.binary(max_size=8),
    fill=st.sampled_from([None, 0x00, 0x7F, 0x80, 0xFF]),
    start=st.floats(0, 1),
    length=st.floats(0, 1),
)
@settings(max_examples=150)
def test_a_record_of_any_bytes_stays_within_its_source(state, seed, fill, start, length):
    """Whoever may write to the store can forge it: what is said of its source may be nonsense, but of no other."""
    size = len(state["record"])
    begin = int(start * size)
    end = begin + int(length * (size - begin))
    part = noise(end - begin, seed) if fill is None else bytes([fill]) * (end - begin)
    forged = state["record"][:begin] + part + state["record"][end:]
    monitor = SensorMonitor(CONFIG)
    for source in ("before", "after"):
        monitor.restore(source, state)
        if source == "before":
            monitor.restore("forged", state | {"record": forged})
    rows = [
        SensorRow(source, row.ts, row.values)
        for row in EVENTS[200:230]
        for source in ("before", "forged", "after")
    ]
    # Far in the future, so that a forged clock refuses nothing more.
    run_monitor([*rows, SensorRow("forged", 4.1e9, {"flow": 1.0, "power": 1.0})], CONFIG, monitor=monitor)
    honest = SensorMonitor(CONFIG)
    honest.restore("before", state)
    run_monitor([row for row in rows if row.source == "before"], CONFIG, monitor=honest)
    expected = honest.state("before")["record"]
    assert [monitor.state(source)["record"] == expected for source in ("before", "after")] == [True, True]
    monitor.features("forged")
    packed(monitor)


@pytest.mark.parametrize("change", [b"", b"\0", None, "text"])
def test_a_record_of_another_size_is_refused_by_the_source_s_name(state, change):
    monitor = SensorMonitor(CONFIG)
    with pytest.raises(StateError, match="pump-1"):
        monitor.restore("pump-1", state | {"record": change})
    assert "pump-1" not in monitor


@pytest.mark.parametrize(
    "config",
    [
        SensorStream(window_rows=77),
        SensorStream(channels=("flow",)),
        SensorStream(channels=("power", "flow")),
    ],
    ids=["window", "fewer channels", "another order"],
)
def test_other_settings_make_a_state_an_old_one(state, config):
    monitor = SensorMonitor(config)
    with pytest.raises(OldStateError, match=r"state of pump-1.* worker.on_old_state"):
        monitor.restore("pump-1", state)
    assert "pump-1" not in monitor


def test_another_layout_is_told_apart_from_damage(state):
    with pytest.raises(OldStateError, match=r"state of pump-1: its records are laid out as 0123"):
        SensorMonitor(CONFIG).restore("pump-1", state | {"layout": "0123"})


@pytest.mark.parametrize("channels", [[], ["a", "a"], [f"c{i}" for i in range(5000)]])
def test_channels_that_cannot_be_are_refused(state, channels):
    with pytest.raises(StateError, match=f"pump-1 is damaged: it has {len(channels)} channels"):
        SensorMonitor(CONFIG).restore("pump-1", state | {"channels": channels})


def test_a_source_that_is_restored_again_is_as_it_was_then(state):
    monitor = run_monitor(EVENTS, CONFIG).monitor
    monitor.restore("pump-1", state)
    assert pack_state(monitor.state("pump-1")) == pack_state(state)
    assert len(monitor) == 1


def test_a_restored_source_goes_on_beside_those_that_are_there(state):
    monitor = run_monitor(readings(X, ["flow", "power"], source="other"), CONFIG).monitor
    monitor.restore("pump-1", state)
    run_monitor(EVENTS[200:], CONFIG, monitor=monitor)
    whole = run_monitor(EVENTS, CONFIG).monitor
    assert monitor.state("pump-1")["record"] == whole.state("pump-1")["record"]


def test_a_forgotten_source_starts_cold(state):
    monitor = run_monitor(EVENTS, CONFIG).monitor
    monitor.forget("pump-1")
    monitor.forget("pump-1")
    assert "pump-1" not in monitor
    run_monitor(EVENTS[:200], CONFIG, monitor=monitor)
    assert pack_state(monitor.state("pump-1")) == pack_state(state)


def test_the_state_of_a_source_of_8_channels_is_small():
    names = [f"c{i}" for i in range(8)]
    monitor = run_monitor(
        readings(np.random.default_rng(0).normal(size=(500, 8)), names), SensorStream()
    ).monitor
    assert len(pack_state(monitor.state("pump-1"))) <= 24 * 1024
