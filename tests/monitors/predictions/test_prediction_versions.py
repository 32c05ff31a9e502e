"""States of a model's monitor in other versions."""

import numpy as np
import pytest
from prediction_streams import arrivals, events, model, packed

from stream_app.errors import OldStateError, StateError
from stream_app.monitors.predictions import PredictionMonitor, versions
from stream_app.settings import PredictionStream
from stream_app.store import pack_state, unpack_state

CONFIG = PredictionStream(window=100, baseline=100, feature_window=50)
ROWS = events(*model(np.random.default_rng(0), 300, 2.0))


def watched(rows, monitor=None, first=0):
    monitor = PredictionMonitor(CONFIG) if monitor is None else monitor
    monitor.update("m", arrivals(rows, first))
    return monitor


@pytest.fixture(scope="module")
def state():
    return unpack_state(pack_state(watched(ROWS[:400]).state("m")), "here")


@pytest.fixture
def next_version(monkeypatch):
    """A program one version on, which upgrades nothing."""
    monkeypatch.setattr(versions, "VERSION", versions.VERSION + 1)
    return versions.VERSION


def older(state):
    """A state that counted its events under another name."""
    return {name: value for name, value in state.items() if name != "events"} | {"count": state["events"]}


def upgrade(state):
    return {name: value for name, value in state.items() if name != "count"} | {"events": state["count"]}


def test_an_older_state_is_upgraded_and_goes_on_as_if_it_had_never_been_old(state, next_version, monkeypatch):
    monkeypatch.setattr(versions, "UPGRADES", {next_version - 1: upgrade})
    monitor = PredictionMonitor(CONFIG)
    monitor.restore("m", older(state))
    assert monitor.features("m")[1]["events"] == 400
    watched(ROWS[400:], monitor, 400)
    assert packed(monitor) == packed(watched(ROWS))


def test_an_older_state_that_nothing_upgrades_is_told_apart_from_a_damaged_one(state, next_version):
    monitor = PredictionMonitor(CONFIG)
    with pytest.raises(
        OldStateError, match=rf"state of m: version {next_version - 1}, .* worker.on_old_state"
    ):
        monitor.restore("m", state)
    with pytest.raises(StateError, match="damaged") as caught:
        monitor.restore("m", older(state) | {"version": next_version})
    assert not isinstance(caught.value, OldStateError)
    assert "m" not in monitor


@pytest.mark.parametrize("version", [versions.VERSION + 1, 0, -1, None, "1", 1.0, True, [1]])
def test_a_newer_version_or_none_is_refused(state, version):
    with pytest.raises(StateError, match="state of m: version") as caught:
        PredictionMonitor(CONFIG).restore("m", state | {"version": version})
    assert not isinstance(caught.value, OldStateError)
