"""A deployment with something of every sort in it, written by its worker."""

import asyncio
import json
import time

from conftest import eventually

from stream_app.core.features import DAY, Feature, FeatureView, Sliding
from stream_app.events import Topics
from stream_app.kafka import start_producer
from stream_app.runtime.worker import Worker
from stream_app.settings import Settings, WorkerSettings
from stream_app.store import AlertReader, FeatureReader, connect

__all__ = ["MARKS", "SOURCE", "fill", "settings_of"]

SOURCE = "secret-pump"
MARKS = ("secret", "purchases:", "EOF")
"""What is shown of it: its source, its view, why its bad event was refused."""

_VIEW = FeatureView(
    "purchases",
    (Feature("spent", "sum", "amount", Sliding(DAY)),),
    stream="sessions",
    # An alert tells soon that no event comes.
    freshness=10.0,
)


def settings_of(broker, store, name, **streams):
    worker = WorkerSettings(session_timeout=20.0, checkpoint_interval=0.2, partitions=1)
    return Settings(kafka=broker, redis=store, prefix=name, worker=worker, streams=streams)


async def fill(settings, before=()):
    """Let a worker of these settings write something of every sort; `before`, topics and messages that come first."""
    topics = Topics(settings.prefix)
    producer = await start_producer(settings.kafka)
    worker = Worker(settings, [_VIEW])
    work = asyncio.create_task(worker.run(handle_signals=False))
    store = await connect(settings.redis)
    try:
        await eventually(lambda: worker.ready.is_set() or work.done(), 40)
        for topic, message in before:
            await producer.send(topic, json.dumps(message).encode(), key=b"k")
        for i in range(2000):
            values = {"flow": float(i % 7) + (500.0 if 1500 <= i < 1600 else 0.0)}
            event = {"source": SOURCE, "ts": 1.6e9 + i, "values": values}
            await producer.send(topics.sensors, json.dumps(event).encode(), key=b"k")
        await producer.send(topics.sensors, b'{"source": "secret', key=b"k")
        bought = {"entity": SOURCE, "ts": time.time(), "type": "bought", "values": {"amount": 1.0}}
        await producer.send_and_wait(topics.sessions, json.dumps(bought).encode(), key=b"k")
        features, alerts = FeatureReader(store, "sensors"), AlertReader(store)

        async def done():
            assert not work.done(), work
            row = await features.get(SOURCE)
            told = {alert.source for alert in await alerts.recent(100)}
            return row is not None and row.values["events"] == 2000 and len(told) > 1

        await eventually(done, 60)
    finally:
        worker.stop()
        await asyncio.gather(work, return_exceptions=True)
        await producer.stop()
        await store.close()
