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
    pytest.mark.skipif(
        not programs(), reason="on Debian or Ubuntu: sudo apt-get install prometheus prometheus-node-exporter"
    ),
]

NODES = tuple(f"worker-{number}" for number in range(1, 5))
METRICS = ("process_cpu_seconds_total", "process_disk_written_bytes_total")
SELECTOR = '{__name__=~"process_(cpu|disk).*"}'
WINDOW, WARMUP, RECORDED = 2.0, 5_800, 25
PAST = WARMUP + 200
"""Windows, three and a half hours: what is usual is learned from one in two minutes."""


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
        said = {
            "STREAMGAUGE_KAFKA": settings.kafka.bootstrap,
            "STREAMGAUGE_PREFIX": settings.prefix,
            "PYTHONUNBUFFERED": "1",
        }
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


def recorded(url):
    """Return a time, and the values of each node's metrics in the seconds from there on, as Prometheus has them."""
    start = (int(time.time()) - 2 - RECORDED) // 2 * 2
    asked = urllib.parse.urlencode({"query": SELECTOR, "start": start, "end": start + RECORDED, "step": 1})
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{asked}", timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    values = {
        (one["metric"]["instance"], one["metric"]["__name__"]): [float(value) for _, value in one["values"]]
        for one in found
    }
    complete = len(values) == len(NODES) * len(METRICS) and all(len(v) > RECORDED for v in values.values())
    return (start, values) if complete else None


def write_past(path, start, values):
    """Write a past that leads to what was recorded: each of its seconds is one of the recorded, drawn at random."""
    chance = random.Random(1)
    now = {series: recorded[0] for series, recorded in values.items()}
    rows = []
    for window in range(PAST):
        for node in NODES:
            drawn = [chance.randrange(1, RECORDED) for _ in range(round(WINDOW))]
            for metric in METRICS:
                rows.append((start - window * WINDOW, metric, node, "node", now[node, metric]))
                seen = values[node, metric]
                # Counters are reckoned back from where they are, below zero too: only their rise counts.
                if metric.endswith("_total"):
                    now[node, metric] -= sum(seen[second] - seen[second - 1] for second in drawn)
                else:
                    now[node, metric] = seen[drawn[0]]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["timestamp", "metric", "instance", "job", "value"])
        table.writerows(reversed(rows))


async def test_a_process_that_suffers_is_blamed(nodes, prometheus, settings, store, streamgauge, tmp_path):
    async def windows():
        row = await FeatureReader(store, "lake").get("lake")
        return 0 if row is None else row.values["windows"]

    async def told():
        found = await store.client.xrange(store.keys.alerts)
        return [Alert.model_validate_json(fields[b"alert"]) for _, fields in found]

    async def enough():
        await asyncio.sleep(0.5)
        return await asyncio.to_thread(recorded, prometheus.url)

    start, values = await eventually(enough, timeout=60)
    past = tmp_path / "past.csv"
    write_past(past, start, values)
    replay = await streamgauge(
        "replay", "platform", past, "--source", "lake", "--speed", "max", "--partitions", "1"
    )
    printed, _ = await replay.communicate()
    assert replay.returncode == 0, printed
    live = await streamgauge(
        "replay", "platform", "--prometheus", prometheus.url, "--match", SELECTOR, "--source", "lake",
        "--step", "2s", "--start", start, "--follow",
    )  # fmt: skip
    async with working(settings):
        await eventually(lambda: _reached(windows, PAST + RECORDED // 3), timeout=180)
        assert await told() == [], "nothing is wrong yet"
        burns_from = time.time()
        nodes["worker-3"].burn()
        (alert, *_) = await eventually(told, timeout=60)
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
