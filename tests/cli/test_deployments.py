"""Two deployments on one broker and one store: neither sees what the other has, and neither writes into it."""

import asyncio

import pytest
from conftest import eventually
from whole_deployment import MARKS, SOURCE, fill, settings_of

from stream_app.client import AlertSubscriber, FeatureClient
from stream_app.errors import StoreError
from stream_app.events import Topics
from stream_app.kafka import ensure_topics
from stream_app.runtime.worker import Worker
from stream_app.settings import SensorStream, SessionStream

pytestmark = pytest.mark.integration

COMMANDS = (
    ("alerts", "list", "--all"),
    ("alerts", "list"),
    ("alerts", "tail", "--last", "100", "--no-follow"),
    ("features", "list"),
    ("features", "get", SOURCE),
    ("features", "list", "--view", "purchases"),
    ("features", "get", SOURCE, "--view", "purchases"),
    ("features", "versions"),
    ("dead-letters", "list"),
    ("triggers", "tail", "--no-follow"),
    ("audit", "list"),
)
SHOWN = {0, 1, 3, 4, 5, 7, 8}
"""Of the commands, those that show something of a deployment with readings, sessions and a letter."""


async def first_alert(settings):
    async def get():
        async with AlertSubscriber(
            settings.kafka, prefix=settings.prefix, start="earliest", kinds={"anomaly", "drift"}
        ) as alerts:
            return await anext(alerts)

    return await asyncio.wait_for(get(), 5)


@pytest.mark.slow
@pytest.mark.parametrize("other", ["{}-b", "{}b", "b{}"])
def test_neither_shows_what_the_other_has(
    call, servers, prefix, monkeypatch, broker_address, store_url, other
):
    # The environment wins over what a program says.
    for name in ("STREAMGAUGE_PREFIX", "STREAMGAUGE_WORKER__GROUP"):
        monkeypatch.delenv(name)
    streams = {"sensors": SensorStream(), "sessions": SessionStream()}
    ours = settings_of(broker_address, store_url, prefix, **streams)
    theirs = settings_of(broker_address, store_url, other.format(prefix), **streams)
    asyncio.run(fill(ours))
    topics = Topics(theirs.prefix)
    every = (topics.sensors, topics.sessions, *topics.outputs())
    asyncio.run(ensure_topics(theirs.kafka, dict.fromkeys(every, 1), create=True))
    for number, command in enumerate(COMMANDS):
        seen = {}
        for settings in (ours, theirs):
            monkeypatch.setenv("STREAMGAUGE_PREFIX", settings.prefix)
            # What was asked for may be quoted on standard error.
            seen[settings.prefix] = call(*command).out
        assert not any(mark in seen[theirs.prefix] for mark in MARKS), command
        if number in SHOWN:
            assert any(mark in seen[ours.prefix] for mark in MARKS), (command, seen)
    with FeatureClient(store_url, prefix=prefix) as client:
        assert [view.name for view in client.list_views()] == ["purchases"]
    with FeatureClient(store_url, prefix=theirs.prefix) as client:
        assert client.list_views() == []
    assert asyncio.run(first_alert(ours)).source == SOURCE
    with pytest.raises(TimeoutError):
        asyncio.run(first_alert(theirs))


def test_another_deployment_under_the_same_name_is_refused_before_it_writes(
    call, servers, place, prefix, broker_address, store_url
):
    ours = settings_of(broker_address, store_url, prefix, pumps=SensorStream(topic=f"{prefix}.pumps"))
    theirs = settings_of(broker_address, store_url, prefix, pumps=SensorStream(topic=f"{prefix}.mills"))
    more = settings_of(
        broker_address,
        store_url,
        prefix,
        pumps=SensorStream(topic=f"{prefix}.pumps"),
        mills=SensorStream(topic=f"{prefix}.mills"),
    )

    async def start(settings):
        worker = Worker(settings)
        work = asyncio.create_task(worker.run(handle_signals=False))
        await eventually(lambda: worker.ready.is_set() or work.done(), 40)
        worker.stop()
        await work

    asyncio.run(start(ours))
    with pytest.raises(
        StoreError, match=rf"'sensors from {prefix}.pumps', ours 'sensors from {prefix}.mills'"
    ):
        asyncio.run(start(theirs))
    (place / "streamgauge.toml").write_text(f"[streams.pumps]\ntopic = '{prefix}.mills'\n")
    ended = call("check")
    assert ended.code == 1
    assert f"redis-cli HDEL {prefix}:deployment stream.pumps" in ended.out
    # A stream more is no other deployment.
    asyncio.run(start(more))
