"""The call graph of a platform: from a file, or a reason why not."""

import random

import pytest
from platform_events import START

from stream_app.errors import SettingsError
from stream_app.events import MetricSample
from stream_app.kinds import PLATFORM
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.settings import PlatformStream
from stream_app.store import pack_state, unpack_state


def test_a_call_graph_is_read_from_a_file(tmp_path):
    file = tmp_path / "calls.csv"
    file.write_text("caller,callee\nshop,cart\n", encoding="utf-8")
    stream = PlatformStream(graph=str(file))
    PLATFORM.check("trino", stream)
    assert PLATFORM.monitor("trino", stream, None)().sources() == []


@pytest.mark.parametrize("content", [None, "one column\nshop\n"])
def test_a_call_graph_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "calls.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"streams\.trino\.graph: .*calls\.csv"):
        PLATFORM.check("trino", PlatformStream(graph=str(file)))


@pytest.mark.parametrize("traced", [True, False])
def test_who_calls_whom_is_learned_from_opentelemetry_and_kept(traced):
    """Both services slow down; the one that is called is to blame where the calls are known."""
    config, chance = PlatformStream(warmup=200, budget="1 per day", lateness=0.0), random.Random(3)
    monitor, rows, alerts = PlatformMonitor(config), [], []

    def sample(ts, name, value, **labels):
        rows.append(MetricSample("shop", ts, name, tuple(sorted(labels.items())), value))

    for window in range(330):
        ts, slow = START + 60.0 * window + 30.0, 4.0 if window >= 300 else 0.0
        sample(ts, "latency_seconds", 1.0 + 0.1 * chance.gauss(0.0, 1.0) + slow, service="front")
        sample(ts, "latency_seconds", 1.0 + 0.1 * chance.gauss(0.0, 1.0) + slow, service="pay")
        for number in range(4):
            sample(ts, "latency_seconds", 1.0 + 0.1 * chance.gauss(0.0, 1.0), service=f"other-{number}")
        if traced:
            sample(
                ts,
                "traces_service_graph_request_total",
                50.0 * window,
                client="front",
                server="pay",
                instance="collector:8889",
            )
    for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        first = rows.index(half[0])
        arrivals = Arrivals(half, list(range(first, first + len(half))), [row.ts for row in half])
        alerts += monitor.take(arrivals)[0].alerts
        again = PlatformMonitor(config)
        again.restore("shop", unpack_state(pack_state(monitor.state("shop")), "test"))
        monitor = again
    blamed = [cause.name for cause in alerts[0].causes if cause.kind == "service"]
    shares = {cause.name: cause.share for cause in alerts[0].causes if cause.kind == "service"}
    assert set(blamed[:2]) == {"front", "pay"}
    assert (shares["pay"] > 2.0 * shares["front"]) == traced
