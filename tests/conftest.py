"""Servers for the tests.

They are the embedded ones; with STREAMGAUGE_TEST_SERVERS=real, Apache Kafka and redis-server, started here; else those
that STREAMGAUGE_TEST_KAFKA and STREAMGAUGE_TEST_REDIS name.
Every test gets its own topic prefix and its own key prefix, so tests never see each other's data.
"""

import asyncio
import gc
import os
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule
from aiokafka import AIOKafkaConsumer
from hypothesis import HealthCheck, is_hypothesis_test
from hypothesis import settings as hypothesis_settings
from servers.kafka import ApacheKafka
from servers.redis import RedisServer

from stream_app.embedded import EmbeddedBroker, EmbeddedStore
from stream_app.kafka import client_options, ensure_topics, start_producer
from stream_app.settings import KafkaSettings, RedisSettings, SensorStream, Settings, WorkerSettings
from stream_app.store import connect

# Settings of whoever runs the tests may name servers that are in use.
for _name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
    if not _name.startswith("STREAMGAUGE_TEST_"):
        del os.environ[_name]

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"


_SLOW = 20
"""How many of the others a slow test is like."""

REAL = os.environ.get("STREAMGAUGE_TEST_SERVERS") == "real"


def pytest_xdist_auto_num_workers():
    """Run more processes than there are processors: tests wait for servers, for real ones most of the time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    processors = os.cpu_count() or 1
    return 2 * processors if REAL else processors + 1


# How long an example takes is no behaviour: a loaded machine would fail it.
for _profile in ("default", "quick"):
    hypothesis_settings.register_profile(
        _profile, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
# Tests import from here, so this runs once more in the midst of a collection, when another profile may have been loaded.
if hypothesis_settings.get_current_profile_name() == "default":
    hypothesis_settings.load_profile("default")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Begin with the files that take longest; with --hypothesis-profile=quick, try a tenth of the examples, five at least."""
    # Else the last process would be at a file of a few slow tests when the others have ended.
    weights = Counter()
    for item in items:
        weights[item.path] += _SLOW if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: -weights[item.path])
    if config.getoption("--hypothesis-profile") != "quick":
        return
    tests = (item.obj for item in items if isinstance(item, pytest.Function))
    for test in {getattr(test, "__func__", test) for test in tests if is_hypothesis_test(test)}:
        said = test._hypothesis_internal_use_settings
        fewer = max(said.max_examples // 10, min(said.max_examples, 5))
        test._hypothesis_internal_use_settings = hypothesis_settings(said, max_examples=fewer)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage while modules are imported and tests collected, nor later among these: they stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path):
    """Look for examples in the packages only: docstrings of tests have none."""
    found = yield
    return [one for one in found if not isinstance(one, DoctestModule) or HERE not in file_path.parents]


@pytest.fixture(scope="session")
def broker_address(tmp_path_factory):
    named = os.environ.get("STREAMGAUGE_TEST_KAFKA")
    if named:
        yield named
        return
    broker = ApacheKafka(tmp_path_factory.mktemp("kafka")) if REAL else EmbeddedBroker()
    yield broker.start()
    broker.stop()


@pytest.fixture(scope="session")
def store_url(tmp_path_factory):
    named = os.environ.get("STREAMGAUGE_TEST_REDIS")
    if named:
        yield named
        return
    store = RedisServer(tmp_path_factory.mktemp("redis")) if REAL else EmbeddedStore()
    yield store.start()
    store.stop()


@pytest.fixture
def impatient(monkeypatch):
    """Let clients in this process try brokers that are away as often as ever, but in quick succession."""
    monkeypatch.setattr("stream_app.kafka.clients._FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def prefix():
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def kafka(broker_address):
    return KafkaSettings(bootstrap=broker_address)


@pytest.fixture
def redis_settings(store_url, prefix):
    return RedisSettings(url=store_url, prefix=prefix)


@pytest.fixture
def settings(kafka, redis_settings, prefix):
    return Settings(
        kafka=kafka,
        redis=redis_settings,
        prefix=prefix,
        worker=WorkerSettings(group=prefix, session_timeout=6.0, checkpoint_interval=0.2),
        streams={"sensors": SensorStream()},
    )


@pytest.fixture
async def store(redis_settings):
    store = await connect(redis_settings)
    yield store
    await store.close()


@pytest.fixture
async def producer(kafka):
    producer = await start_producer(kafka)
    yield producer
    await producer.stop()


@pytest.fixture
def make_topic(kafka, prefix):
    async def make(name, partitions=1):
        topic = f"{prefix}.{name}"
        await ensure_topics(kafka, {topic: partitions}, create=True)
        return topic

    return make


@pytest.fixture
def read_topic(kafka):
    """Read a topic from its beginning until `count` records came."""

    async def read(topic, count, timeout=15.0):
        consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **client_options(kafka))
        await consumer.start()
        records = []
        deadline = time.monotonic() + timeout
        try:
            while len(records) < count and time.monotonic() < deadline:
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += found
        finally:
            await consumer.stop()
        return records

    return read


async def eventually(check: Callable[[], Awaitable[object] | object], timeout: float = 20.0):
    """Wait until `check` gives something true, and return that."""
    deadline = time.monotonic() + timeout
    while True:
        result = check()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s")
        await asyncio.sleep(0.02)
