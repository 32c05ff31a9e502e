"""A source of events of one's own: a program that reads sensors and sends what a worker watches.

An event is a JSON object: the source, the time in epoch seconds or RFC 3339, and a number a channel. Its Kafka key is the
source, so that all events of a source go to one partition and keep their order.
"""

import asyncio
import json
import math
import random
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaProducer

import stream_app as sg
from stream_app.testing import run_worker


async def sensors() -> AsyncIterator[dict[str, Any]]:
    """Give what two compressors measure, as a field bus or an API would; the second one overheats."""
    rng = random.Random(11)
    for second in range(1500):
        for name in ("compressor-1", "compressor-2"):
            hot = name == "compressor-2" and second >= 1100
            yield {
                "source": name,
                "ts": 1_770_000_000 + second,
                "values": {
                    "temperature": 60.0 + math.sin(second / 90) + rng.gauss(0, 0.3) + 8.0 * hot,
                    "pressure": rng.gauss(6.0, 0.05),
                },
            }


async def send(bootstrap: str, topic: str) -> int:
    """Send all events; return how many."""
    # Acknowledged by all replicas and without duplicates; what fails is sent again, in order.
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=20
    )
    await producer.start()
    sent = 0
    try:
        async for event in sensors():
            # Waits for room where the broker is slower than the sensors.
            await producer.send(topic, json.dumps(event).encode(), key=event["source"].encode())
            sent += 1
    finally:
        await producer.stop()
    return sent


async def main() -> None:
    """Send the events to a worker, and print its first alert."""
    async with run_worker({"compressors": sg.SensorStream(topic="compressors")}) as settings:
        print(await send(settings.kafka.bootstrap, "compressors"), "events sent")
        async with sg.AlertSubscriber(settings.kafka, start="earliest") as alerts:
            async for alert in alerts:
                print(f"{alert.source}: {alert.state.value}, {alert.summary}")
                break


if __name__ == "__main__":
    asyncio.run(main())
