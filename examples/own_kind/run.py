"""Run a worker with the kind of stream of this folder: after `pip install examples/own_kind`."""

import asyncio

import numpy as np
from aiokafka import AIOKafkaProducer

import stream_app as sg
from stream_app.kinds import KINDS
from stream_app.testing import run_worker


async def main() -> None:
    """Send lines of a meter whose voltage falls, and print the alert."""
    print("kinds:", ", ".join(KINDS))
    # What `kind = "meters"` in the monitor file gives.
    stream = KINDS["meters"].settings()
    volts = np.random.default_rng(2).normal(230.0, 0.5, size=1200)
    volts[900:] -= 6.0
    async with run_worker({"hall": stream}) as settings:
        producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
        await producer.start()
        for i, volt in enumerate(volts.tolist()):
            await producer.send("meters", f"m-17;{1_770_000_000 + i};L1={volt:.2f}".encode(), key=b"m-17")
        await producer.stop()
        async with sg.AlertSubscriber(settings.kafka, start="earliest") as alerts:
            async for alert in alerts:
                print(f"{alert.stream}, {alert.source}: {alert.state.value}, {alert.summary}")
                break


if __name__ == "__main__":
    asyncio.run(main())
