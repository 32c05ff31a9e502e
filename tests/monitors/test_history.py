"""History of sources: what monitors hand out for charts does not depend on where deliveries end, nor on restarts."""

import numpy as np
import pytest
from prediction_streams import START, arrivals, events, feed, model
from sensor_runs import histories, run

from stream_app.core.history import ROWS, history_bytes, row_type, writes_of
from stream_app.events import PredictionRow, Readings, SensorRow
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import PredictionStream, SensorStream


def rows(n=600):
    rng = np.random.default_rng(5)
    sent = [
        SensorRow(
            f"pump-{i % 3}",
            1.7e9 + i + 2.0 * rng.integers(-5, 5),
            {"flow": x} | ({"heat": 2 * x} if i > 300 else {}),
        )
        for i, x in enumerate(rng.normal(size=n).tolist())
    ]
    return [*sent[:400], sent[399], *sent[400:]]


@pytest.mark.parametrize("restart", [False, True])
def test_buckets_do_not_depend_on_deliveries(restart):
    whole, cut = run(SensorStream(), rows()), run(SensorStream(), rows(), range(0, 600, 7), restart=restart)
    assert histories(cut.history) == histories(whole.history)
    first = histories(whole.history)["pump-0", ("flow",)][0][0]
    assert first[:2] == (0, 0)


def test_refused_readings_are_in_no_bucket():
    counted = run(SensorStream(), [SensorRow("pump", float(i), {"flow": 1.0}) for i in [0, 1, 1, 2, 7]])
    ((head, _),) = histories(counted.history)["pump", ("flow",)]
    assert head[3] == 3


def test_without_history_nothing_is_kept_and_sources_take_less_room():
    off = SensorStream(history=False)
    quiet = run(off, rows())
    assert not quiet.history
    assert quiet.monitor.open_buckets(["pump-0"]) == []
    one = [SensorRow("pump", 1.0, {"flow": 1.0})]
    more = run(SensorStream(), one).monitor.stored_size("pump") - run(off, one).monitor.stored_size("pump")
    assert more >= history_bytes(["flow"])


def test_a_source_that_starts_cold_begins_its_history_anew():
    config = SensorStream(source_ttl=100.0)
    away = run(config, [SensorRow("pump", ts, {"flow": 1.0}) for ts in (0.0, 6.0, 1000.0, 1006.0)])
    assert [head[1:3] for head, _ in histories(away.history)["pump", ("flow",)]] == [(0, 0), (0, 200)]


@pytest.mark.parametrize("restart", [False, True])
def test_the_history_of_a_model_is_its_accuracy_over_time(restart):
    rng = np.random.default_rng(3)
    p, truth = model(rng, 700, 2.5)
    sent = events(p, truth)
    whole = feed(PredictionStream(), sent)[1]
    cut = feed(PredictionStream(), sent, range(0, len(sent), 11), restart=restart)[1]
    found = [histories(h for one in each for h in one.history) for each in (whole, cut)]
    assert found[0] == found[1]
    right = [
        PredictionRow("m", ts=START + i, id=f"{i}", prediction="cat", label="cat" if i < 3 else "dog")
        for i in range(6)
    ]
    monitor = PredictionMonitor(PredictionStream())
    (outcome,) = monitor.take(arrivals(right))
    closed = [*outcome.history, *monitor.open_buckets(["m"])]
    correct = np.concatenate([some.figures[:, 0, 0] * some.heads["count"] for some in closed if len(some)])
    assert np.nansum(correct) == pytest.approx(3.0)
    assert closed[0].channels[0] == "accuracy"


def test_a_forged_record_of_open_buckets_harms_no_other_source():
    learned = run(SensorStream(), [SensorRow("a", float(i), {"x": 1.0}) for i in range(20)]).monitor
    state = learned.state("a")
    monitor = SensorMonitor(SensorStream())
    monitor.restore("a", state | {"record": state["record"][:-150] + b"\xff" * 150})
    sent = [SensorRow(source, ts, {"x": 1.0}) for source, ts in (("a", 30.0), ("b", 1.0), ("b", 9.0))]
    outcome = monitor.update(Readings.of(sent, range(100, 103)))
    assert histories(outcome.history)["b", ("x",)][0][0] == (0, 0, 0, 1, 0.0)
    writes = [dict(writes_of(some)) for some in outcome.history]
    size = ROWS * row_type(1).itemsize
    assert all(0 <= place < size for some in writes for mine in some.values() for place, _ in mine)
