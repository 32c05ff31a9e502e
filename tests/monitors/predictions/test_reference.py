"""Features of a model against a reference of its stream: from the first prediction on, and after another one."""

import numpy as np
import pytest

from stream_app.core.calibration import Calibration
from stream_app.core.reference import ReferenceTable
from stream_app.events import PredictionRow
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.settings import PredictionStream
from stream_app.store import pack_state, unpack_state

CONFIG = PredictionStream(feature_window=300, feature_alerts=True, cooldown=1.0)


def reference_of(mean=0.0, seed=1):
    return ReferenceTable(
        np.arange(1000.0), ("age",), np.random.default_rng(seed).normal(mean, size=(1000, 1))
    )


ROWS = [
    PredictionRow("m", float(i), str(i), prediction="cat", features={"age": float(x), "odd": float(i % 3)})
    for i, x in enumerate(np.random.default_rng(2).normal(2.0, size=2400))
]
OLD, NEW = reference_of(), reference_of(2.0, seed=3)


def monitor_of(reference):
    return PredictionMonitor(CONFIG, Calibration(reference))


def take(monitor, begin, end, batch=70):
    alerts = []
    for first in range(begin, end, batch):
        some = ROWS[first : min(first + batch, end)]
        arrivals = Arrivals(some, list(range(first, first + len(some))), [row.ts for row in some])
        alerts += [alert for outcome in monitor.take(arrivals) for alert in outcome.alerts]
    return [alert for alert in alerts if alert.detector == "psi"]


def restarted(monitor, into):
    into.restore("m", unpack_state(pack_state(monitor.state("m")), "m"))
    return into


def test_features_are_compared_with_it_from_the_first_prediction_on():
    assert take(monitor_of(None), 0, 2400) == []
    (alert,) = take(monitor_of(OLD), 0, 2400)
    assert (alert.channel, alert.offset, alert.reference) == ("age", 299, OLD.version)


@pytest.mark.parametrize("cut", [1, 299, 300, 755])
def test_a_model_goes_on_with_its_reference_as_if_it_had_never_stopped(cut):
    whole, before = monitor_of(OLD), monitor_of(OLD)
    alerts = take(whole, 0, 2400)
    found = take(before, 0, cut)
    after = restarted(before, monitor_of(OLD))
    assert found + take(after, cut, 2400) == alerts
    assert pack_state(after.state("m")) == pack_state(whole.state("m"))


def test_another_reference_ends_what_fires_and_is_compared_with_from_then_on():
    before = monitor_of(OLD)
    (fired,) = take(before, 0, 1000)
    alerts = take(restarted(before, monitor_of(NEW)), 1000, 2400)
    assert [(one.id, one.state.value, one.end_offset) for one in alerts] == [(fired.id, "resolved", 1000)]
    # The same, whatever the deliveries were.
    assert take(restarted(before, monitor_of(NEW)), 1000, 2400, batch=1) == alerts


def test_without_a_reference_the_next_predictions_are_learned():
    before = monitor_of(OLD)
    (fired,) = take(before, 0, 1000)
    after = restarted(before, monitor_of(None))
    assert [(one.id, one.end_offset) for one in take(after, 1000, 2400)] == [(fired.id, 1000)]
    assert after.features("m")[1]["age.psi"] < 0.2
