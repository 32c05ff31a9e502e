"""Platforms end to end: Prometheus scrapes processes, one of each platform really suffers, and is to blame for the incident."""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from conftest import eventually
from servers.node_process import NodeProcess
from servers.prometheus import Prometheus, programs
from workers import working

from stream_app.settings import PlatformStream, WorkerSettings
from stream_app.store import AlertReader, FeatureReader, PlatformReader

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.skipif(
        not programs(), reason="on Debian or Ubuntu: sudo apt-get install prometheus prometheus-node-exporter"
    ),
]

NODES = 4
WARMUP = 192
"""Windows, of a second: as many as a detector needs at least."""
SUFFERING = {
    "cpu": "process_cpu_seconds_total",
    "memory": "process_resident_memory_bytes",
    "disk": "process_disk_written_bytes_total",
}
"""What one process of each platform suffers from, and the metric that shows it first."""


@pytest.fixture
def nodes(tmp_path):
    processes = {
        f"{of}-{number}": NodeProcess(tmp_path, f"{of}-{number}", of)
        for of in SUFFERING
        for number in range(1, NODES + 1)
    }
    try:
        for process in processes.values():
            process.start()
        yield processes
    finally:
        for process in processes.values():
            process.kill()


@pytest.fixture
def prometheus(tmp_path, nodes):
    targets = {name: node.port for name, node in nodes.items()}
    server = Prometheus(tmp_path / "prometheus", targets, every="500ms")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(settings, prefix):
    worker = WorkerSettings(group=prefix, session_timeout=6.0, checkpoint_interval=0.2, partitions=1)
    stream = PlatformStream(window=1.0, lateness=1.0, warmup=WARMUP, budget="1 per hour", expected_sources=3)
    return settings.model_copy(update={"worker": worker, "streams": {"lake": stream}})


@pytest.fixture
def environment(settings):
    """Where the broker is, for programs beside the test."""
    return {"STREAMGAUGE_KAFKA": settings.kafka.bootstrap, "STREAMGAUGE_PREFIX": settings.prefix}


@asynccontextmanager
async def following(url, name, environment, folder):
    """Send on what Prometheus records of a platform, by the program."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream_app", "replay", "platform", "--prometheus", url, "--remote-read",
        "--match", f'{{instance=~"{name}-.*",__name__=~"process_.*|job_.*"}}', "--follow", "--step", "1s",
        "--source", name, "--partitions", "1", cwd=folder, env=os.environ | environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def test_a_process_that_suffers_is_blamed(nodes, prometheus, settings, environment, store, tmp_path):
    reader, features = AlertReader(store), FeatureReader(store, "lake")

    async def windows():
        rows = [await features.get(name) for name in SUFFERING]
        return min(0 if row is None else row.values["windows"] for row in rows)

    async def told():
        alerts = {one.source: one for one in await reader.firing() if one.detector == "platform"}
        return alerts if alerts.keys() >= SUFFERING.keys() else None

    async with AsyncExitStack() as stack:
        for name in SUFFERING:
            await stack.enter_async_context(following(prometheus.url, name, environment, tmp_path))
        await stack.enter_async_context(working(settings))
        await eventually(lambda: _reached(windows, WARMUP), timeout=480)
        assert await reader.firing() == []
        began = time.time()
        for name in SUFFERING:
            nodes[f"{name}-3"].suffer()
        alerts = await eventually(told, timeout=120)
        for name, metric in SUFFERING.items():
            alert = alerts[name]
            first = alert.causes[0]
            assert (first.kind, first.name, first.metric) == ("node", f"{name}-3", metric)
            assert first.now > first.before
            assert name in [cause.name for cause in alert.causes if cause.kind == "group"][:1]
            assert f"{name}-3" in alert.explanation
            assert began - 3.0 < alert.started_at < time.time()
            snapshot = await PlatformReader(store, "lake").get(name)
            assert snapshot["causes"][0]["name"] == f"{name}-3"


async def _reached(figure, least):
    return await figure() >= least
