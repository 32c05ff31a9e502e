"""States of a model's monitor in other versions."""

import numpy as np
import pytest
from prediction_streams import arrivals, events, model

from stream_app.errors import OldStateError, StateError
from stream_app.monitors.predictions import PredictionMonitor, source
from stream_app.settings import PredictionStream
from stream_app.store import pack_state, unpack_state

CONFIG = PredictionStream(window=100, baseline=100, feature_window=50)
ROWS = events(*model(np.random.default_rng(0), 300, 2.0))


@pytest.fixture(scope="module")
def state():
    monitor = PredictionMonitor(CONFIG)
    monitor.update("m", arrivals(ROWS[:400]))
    return unpack_state(pack_state(monitor.state("m")), "here")


def test_an_older_state_is_told_apart_from_a_damaged_one(state, monkeypatch):
    monkeypatch.setattr(source, "VERSION", source.VERSION + 1)
    monitor = PredictionMonitor(CONFIG)
    with pytest.raises(
        OldStateError, match=rf"state of m: version {source.VERSION - 1}, .* worker.on_old_state"
    ):
        monitor.restore("m", state)
    without = {name: value for name, value in state.items() if name != "events"}
    with pytest.raises(StateError, match="damaged") as caught:
        monitor.restore("m", without | {"version": source.VERSION})
    assert not isinstance(caught.value, OldStateError)
    assert "m" not in monitor


@pytest.mark.parametrize("version", [source.VERSION + 1, 0, -1, None, "1", 1.0, True, [1]])
def test_a_newer_version_or_none_is_refused(state, version):
    with pytest.raises(StateError, match="state of m: version") as caught:
        PredictionMonitor(CONFIG).restore("m", state | {"version": version})
    assert not isinstance(caught.value, OldStateError)
