"""What a platform's events may cost: labels without end, nodes that come and go, times far away, numbers at the edge."""

import math

import pytest
from platform_events import START

from stream_app.events import MetricSample, PlatformChange, QueryCompletion, Reason
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.monitors.recency import Recency
from stream_app.settings import PlatformStream
from stream_app.store import pack_state, unpack_state

DAY = 86_400.0


def taken(monitor, rows):
    (outcome,) = monitor.take(Arrivals(rows, list(range(len(rows))), [row.ts for row in rows]))
    return outcome


def load(ts, value=1.0, node="worker-1", name="node_load1", **labels):
    return MetricSample("prod", ts, name, tuple(sorted({"instance": node, **labels}.items())), value)


def query(ident, ts, wall):
    nan = math.nan
    return QueryCompletion(
        "prod", ts, ident, "FINISHED", "me", "lake", "a", "select ?", nan, nan, nan, nan, wall, nan, nan, nan, nan, nan, ""
    )  # fmt: skip


def test_a_year_without_events_is_passed_over_at_once():
    monitor = PlatformMonitor(PlatformStream(window=1.0, lateness=5.0, source_ttl=500 * DAY))
    year = 365 * DAY
    taken(monitor, [load(START + i) for i in range(20)] + [query("a", START + 20, 1.0)])
    taken(monitor, [load(START + year + i) for i in range(40)] + [query("b", START + year + 40, 1.0)])
    assert monitor.windows_of("prod") < 100


def test_a_series_with_labels_without_end_is_refused_and_not_quoted():
    monitor = PlatformMonitor(PlatformStream())
    labels = {f"label_{i}": "x" * 1000 for i in range(5)}
    outcome = taken(monitor, [load(START), load(START, **labels)])
    (refusal,) = outcome.refusals
    assert refusal.reason is Reason.SERIES
    assert "node_load1 has labels of 5" in refusal.message
    assert len(refusal.message) < 300
    assert monitor.features("prod")[1]["series"] == 1


def test_nodes_that_come_and_go_leave_nothing_behind():
    monitor = PlatformMonitor(PlatformStream(window=3600.0, lateness=0.0))
    for day in range(0, 24, 2):
        rows = [
            load(START + day * DAY + hour * 3600.0, node=f"pod-{day}-{i}")
            for hour in range(40)
            for i in range(5)
        ]
        taken(monitor, rows)
        detector = monitor.state("prod")["detection"]["detector"]
    assert len(detector["aggregates"]) < 40
    assert len(detector["together"]["records"]) < 80


def test_a_node_that_is_gone_is_told_no_longer():
    monitor = PlatformMonitor(PlatformStream(window=3600.0, lateness=0.0))
    rows = []
    for hour in range(60):
        rows += [load(START + hour * 3600.0, node=f"worker-{i}") for i in range(3)]
        if 10 <= hour < 20:
            rows.append(load(START - 50 * DAY + hour * 3600.0, node="wrong"))
    alerts = taken(monitor, rows).alerts
    told = [(alert.channel, alert.transition) for alert in alerts if alert.detector == "quality.refused"]
    assert told == [("wrong", "firing"), ("wrong", "resolved")]
    assert monitor.state("prod")["intake"]["refused_nodes"] == {}


def test_changes_of_many_nodes_are_bounded():
    monitor = PlatformMonitor(PlatformStream())
    nodes = tuple(f"worker-{i}" for i in range(4_000))
    taken(
        monitor, [PlatformChange("prod", START + i, "deployment", f"image {i}", "", nodes) for i in range(20)]
    )
    kept = monitor.state("prod")["intake"]["changes"]
    assert [what for _, _, what, _, _ in kept] == ["image 18", "image 19"]


@pytest.mark.filterwarnings("error")
def test_numbers_at_the_edge_are_judged_and_stored():
    config = PlatformStream(warmup=30, lateness=0.0)
    monitor = PlatformMonitor(config)
    rows = []
    for i in range(160):
        ts = START + 30.0 * i
        values = (1e200, -1e200, 5e-324, 0.0, math.nan, (-1e200) ** (i % 2), 5e-324 * i)
        rows += [load(ts, value, name=f"m{k}") for k, value in enumerate(values)]
        rows += [load(ts, 1e198 * i, name="big_total"), query(str(i), ts, 1e24 if i > 80 else 0.0)]
    assert taken(monitor, rows).alerts == []
    monitor.snapshots_of(["prod"])
    state = pack_state(monitor.state("prod"))
    again = PlatformMonitor(config)
    again.restore("prod", unpack_state(state, "test"))
    assert pack_state(again.state("prod")) == state


@pytest.mark.parametrize("batch", [1, 700, 10_000])
def test_room_in_the_store_grows_with_the_series_and_ends_wherever_batches_do(batch):
    rows = [load(START + i // 100, node=f"worker-{i % 100}", cpu=str(i // 100)) for i in range(2_600)]
    recency = Recency(max_bytes=2 * 6_000_000, ttl=DAY)
    monitor = PlatformMonitor(PlatformStream(lateness=600.0))
    refused = []
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        arrivals = Arrivals(some, list(range(first, first + len(some))), [row.ts for row in some])
        for step in recency.take(arrivals, monitor):
            refused += step.refusals
            if step.events is not None:
                monitor.take(step.events)
    assert monitor.features("prod")[1]["series"] == 2_000
    assert [refusal.offset for refusal in refused] == list(range(2_000, 2_600))
    assert recency.size == monitor.stored_size("prod") == 12_000_000
