"""A worker with a broker and a store of its own, for tests and examples that need the whole way of an event."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from stream_app.embedded import EmbeddedBroker, EmbeddedStore
from stream_app.runtime.worker import Worker
from stream_app.settings import KafkaSettings, RedisSettings, Settings, Stream, WorkerSettings

__all__ = ["run_worker", "send_events"]


@asynccontextmanager
async def run_worker(streams: Mapping[str, Stream]) -> AsyncIterator[Settings]:
    """Run a broker, a store and a worker of some streams until the context ends; all of them are local and temporary.

    Parameters
    ----------
    streams : mapping of str to Stream
        Settings of the streams, by name.

    Returns
    -------
    async context manager of Settings
        The settings of the worker, with the addresses of the servers; the worker reads its topics.

    Raises
    ------
    BrokerError, StoreError
        If a server cannot be started, or the extra ``embedded`` is not installed.
    StreamgaugeError
        What stopped the worker.
    """
    async with AsyncExitStack() as stack:
        broker, store = EmbeddedBroker(), EmbeddedStore()
        stack.callback(broker.stop)
        stack.callback(store.stop)
        settings = Settings(
            kafka=KafkaSettings(bootstrap=await asyncio.to_thread(broker.start)),
            redis=RedisSettings(url=await asyncio.to_thread(store.start)),
            worker=WorkerSettings(partitions=1, metrics_port=0),
            streams=dict(streams),
        )
        worker = Worker(settings)
        work = asyncio.create_task(worker.run(handle_signals=False))
        ready = asyncio.create_task(worker.ready.wait())
        await asyncio.wait((work, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        try:
            # One that has ended already says why.
            if not work.done():
                yield settings
        finally:
            worker.stop()
            await work


async def send_events(
    settings: Settings, topic: str, events: Iterable[Mapping[str, Any]], *, key: str
) -> None:
    """Send events to a topic as JSON, in their order.

    Parameters
    ----------
    settings : Settings
        Names the broker.
    topic : str
        Name of the topic.
    events : iterable of mapping
        The events.
    key : str
        Field that is the key of the record, such as ``source``: events of one key keep their order.
    """
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.servers)
    await producer.start()
    try:
        for event in events:
            await producer.send(topic, msgspec.json.encode(event), key=str(event[key]).encode())
    finally:
        await producer.stop()
