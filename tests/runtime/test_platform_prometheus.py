"""A real platform, end to end: Prometheus scrapes processes, and one of them that suffers is blamed."""

import asyncio
import csv
import json
import os
import random
import sys
import time
import urllib.parse
import urllib.request

import pytest
from conftest import eventually
from servers.node_process import NodeProcess
from servers.prometheus import Prometheus, programs
from workers import working

from stream_app.events import Alert
from stream_app.settings import PlatformStream, WorkerSettings
from stream_app.store import FeatureReader, PlatformReader

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.skipif(not programs(), reason="on Debian or Ubuntu: sudo apt-get install prometheus prometheus-node-exporter"),
]

NODES = tuple(f"worker-{number}" for number in range(1, 5))
METRICS = ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_disk_written_bytes_total")
SELECTOR = '{__name__=~"process_(cpu|resident|disk).*"}'
WINDOW, WARMUP, RECORDED = 2.0, 240, 25


@pytest.fixture
def nodes(tmp_path):
    processes = {name: NodeProcess(tmp_path, name) for name in NODES}
    for process in processes.values():
        process.start()
    yield processes
    for process in processes.values():
        process.kill()


@pytest.fixture
def prometheus(tmp_path, nodes):
    server = Prometheus(tmp_path / "prometheus", {name: node.port for name, node in nodes.items()})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(settings, prefix):
    worker = WorkerSettings(group=prefix, session_timeout=6.0, checkpoint_interval=0.2, partitions=1)
    stream = PlatformStream(window=WINDOW, lateness=2.0, warmup=WARMUP, budget="1 per day")
    return settings.model_copy(update={"worker": worker, "streams": {"lake": stream}})


@pytest.fixture
async def streamgauge(settings, tmp_path):
    """Run the program beside the test; give what it printed when it has ended."""
    started = []

    async def run(*arguments):
        said = {"STREAMGAUGE_KAFKA": settings.kafka.bootstrap, "STREAMGAUGE_PREFIX": settings.prefix, "PYTHONUNBUFFERED": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stream_app", *map(str, arguments), cwd=tmp_path, env=os.environ | said,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.communicate(), 30)


def recorded(url, seconds):
    """Return the last seconds of each node's metrics, as Prometheus has them."""
    end = int(time.time()) - 2
    asked = urllib.parse.urlencode({"query": SELECTOR, "start": end - seconds, "end": end, "step": 1})
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{asked}", timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return {
        (one["metric"]["instance"], one["metric"]["__name__"]): [float(value) for _, value in one["values"]]
        for one in found
    }


def complete(series, seconds):
    return len(series) == len(NODES) * len(METRICS) and all(len(values) > seconds for values in series.values())


def write_past(path, series, windows, end):
    """Write a long past of the nodes: each of its seconds is one of those that were recorded, drawn at random."""
    chance, totals = random.Random(1), dict.fromkeys(series, 0.0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["timestamp", "metric", "instance", "value"])
        for second in range(round(windows * WINDOW)):
            for node in NODES:
                drawn = chance.randrange(1, RECORDED)
                for metric in METRICS:
                    values = series[node, metric]
                    value = values[drawn]
                    if metric.endswith("_total"):
                        totals[node, metric] += value - values[drawn - 1]
                        value = totals[node, metric]
                    table.writerow([end - windows * WINDOW + second, metric, node, value])


async def test_a_process_that_suffers_is_blamed(nodes, prometheus, settings, store, streamgauge, tmp_path):
    async def windows():
        row = await FeatureReader(store, "lake").get("lake")
        return 0 if row is None else row.values["windows"]

    async def told():
        found = await store.client.xrange(store.keys.alerts)
        return [Alert.model_validate_json(fields[b"alert"]) for _, fields in found]

    def enough():
        series = recorded(prometheus.url, RECORDED)
        return series if complete(series, RECORDED) else None

    async def quiet():
        await asyncio.sleep(0.5)
        return await asyncio.to_thread(enough)

    series = await eventually(quiet, timeout=60)
    # Live metrics do not warm up in a test's time, so nodes get a past; it ends so long ago that their counters begin anew.
    past, live_from = tmp_path / "past.csv", int(time.time()) - RECORDED
    write_past(past, series, WARMUP + 20, live_from - 600.0)
    replay = await streamgauge("replay", "platform", past, "--source", "lake", "--speed", "max")
    printed, _ = await replay.communicate()
    assert replay.returncode == 0, printed
    live = await streamgauge(
        "replay", "platform", "--prometheus", prometheus.url, "--match", SELECTOR, "--source", "lake",
        "--step", "1s", "--start", live_from, "--follow",
    )  # fmt: skip
    async with working(settings):
        await eventually(lambda: _reached(windows, WARMUP + 20 + RECORDED // 2), timeout=60)
        assert await told() == []
        burns_from = time.time()
        nodes["worker-3"].burn()
        (alert, *_) = await eventually(told, timeout=40)
        snapshot = await PlatformReader(store, "lake").get("lake")
    assert live.returncode is None
    assert (alert.stream, alert.source, alert.detector) == ("lake", "lake", "platform")
    assert (alert.causes[0].kind, alert.causes[0].name) == ("node", "worker-3")
    assert alert.causes[0].metric == "process_cpu_seconds_total"
    assert "cpu" in {cause.name for cause in alert.causes if cause.kind == "group"}
    assert burns_from - 2 * WINDOW < alert.started_at < time.time()
    assert "worker-3" in alert.explanation
    assert snapshot["causes"][0]["name"] == "worker-3"
    assert snapshot["incidents"] == [alert.case.id]


async def _reached(figure, least):
    return await figure() >= least
