"""States of other versions, and states that are nonsense."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.errors import OldStateError, StateError
from stream_app.monitors.sensors import SensorConfig, SensorMonitor, versions
from stream_app.monitors.versions import upgraded
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings, run_monitor

CONFIG = SensorConfig(warmup=60)
EVENTS = readings(np.random.default_rng(0).normal(size=(300, 2)), ["flow", "power"])


@pytest.fixture(scope="module")
def state():
    monitor = run_monitor(EVENTS[:200], CONFIG).monitor
    return unpack_state(pack_state(monitor.state("pump-1")), "here")


def older(state):
    """An artificial earlier version, which counted its events under another name."""
    return {name: value for name, value in state.items() if name != "events"} | {
        "version": versions.VERSION - 1,
        "count": state["events"],
    }


def upgrade(state):
    return {name: value for name, value in state.items() if name != "count"} | {"events": state["count"]}


def test_an_older_state_is_upgraded_and_goes_on_as_if_it_had_never_been_old(state, monkeypatch):
    monkeypatch.setattr(versions, "UPGRADES", {versions.VERSION - 1: upgrade})
    monitor = SensorMonitor(CONFIG)
    monitor.restore("pump-1", older(state))
    run_monitor(EVENTS[200:], CONFIG, monitor=monitor)
    whole = run_monitor(EVENTS, CONFIG).monitor
    # Offsets of the second delivery are counted from its own beginning, which shows in no state without alerts.
    assert pack_state(monitor.state("pump-1")) == pack_state(whole.state("pump-1"))


def test_upgrades_follow_each_other():
    steps = {n: lambda state, n=n: {"path": [*state["path"], n]} for n in (1, 2, 3)}
    assert upgraded({"version": 1, "path": []}, "s", version=4, upgrades=steps) == {
        "path": [1, 2, 3],
        "version": 4,
    }
    assert upgraded({"version": 4, "path": []}, "s", version=4, upgrades=steps)["path"] == []


def test_an_older_state_that_nothing_upgrades_is_told_apart_from_a_damaged_one(state):
    oldest = min(versions.UPGRADES, default=versions.VERSION)
    with pytest.raises(
        OldStateError, match=rf"state of pump-1: version {oldest - 1}, .* worker.on_old_state"
    ):
        SensorMonitor(CONFIG).restore("pump-1", state | {"version": oldest - 1})
    with pytest.raises(OldStateError, match="nothing upgrades 2"):
        upgraded({"version": 1}, "s", version=4, upgrades={1: dict, 3: dict})


@pytest.mark.parametrize("version", [versions.VERSION + 1, 0, -1, None, "2", 2.0, True, [2]])
def test_a_newer_version_or_none_is_refused(state, version):
    with pytest.raises(StateError, match="state of pump-1: version") as caught:
        SensorMonitor(CONFIG).restore("pump-1", state | {"version": version})
    assert not isinstance(caught.value, OldStateError)


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
@settings(max_examples=400, deadline=None)
def test_junk_anywhere_in_a_state_is_refused_by_name_or_harmless(state, data, junk):
    path = data.draw(st.sampled_from(sorted(places(state), key=str)))
    if not path:
        return
    monitor = SensorMonitor(CONFIG)
    try:
        monitor.restore("pump-1", replaced(state, path, junk))
    except StateError:
        assert "pump-1" not in monitor
