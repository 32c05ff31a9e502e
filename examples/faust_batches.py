"""A Faust agent of one's own that gets whole batches: drift of a value that the agent computes itself.

Faust hands its agents one record at a time. With `BatchTransport` an agent gets all records that one fetch brought, as one
batch a partition, and can work on arrays. It says which batches are finished: only those are committed.
"""

import asyncio
import json
import tempfile

import faust
import numpy as np

import stream_app as sg
from stream_app.embedded import EmbeddedBroker
from stream_app.runtime.batches import FinishedBatches
from stream_app.runtime.delivery import BatchTransport, batched_topic
from stream_app.settings import Settings
from stream_app.testing import send_events

TOPIC, EVENTS, CHANGE = "orders", 4000, 3000


def orders() -> list[dict[str, float | str]]:
    """Return orders; from `CHANGE` on, shipping is dearer for the same price."""
    rng = np.random.default_rng(3)
    prices = rng.lognormal(3.0, 0.5, EVENTS)
    shares = rng.normal(0.10, 0.01, EVENTS) + 0.02 * (np.arange(EVENTS) >= CHANGE)
    return [
        {"shop": "north", "ts": 1_770_000_000.0 + i, "price": price, "shipping": price * share}
        for i, (price, share) in enumerate(zip(prices.tolist(), shares.tolist(), strict=True))
    ]


async def main() -> None:
    """Send the orders, and run the agent until it has seen all of them."""
    broker = EmbeddedBroker()
    settings = Settings(kafka=await asyncio.to_thread(broker.start))
    await send_events(settings, TOPIC, orders(), key="shop")

    app = faust.App(
        "shipping",
        broker=f"kafka://{settings.kafka.bootstrap}",
        datadir=tempfile.mkdtemp(),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        # A fetch counts as one message, so this bounds the memory.
        stream_buffer_maxsize=2,
    )
    finished = FinishedBatches()
    app.transport = BatchTransport(app, topics={TOPIC}, positions=finished)
    drift = sg.DriftDetector(("shipping share",))
    done = asyncio.Event()

    @app.agent(batched_topic(app, TOPIC))
    async def watch(fetches: faust.StreamT) -> None:
        seen = found = 0
        async for batches in fetches:
            for batch in batches:
                events = [json.loads(record.value) for record in batch.records]
                ts, price, shipping = np.array([(e["ts"], e["price"], e["shipping"]) for e in events]).T
                for signal in drift.update(ts, (shipping / price)[:, None]).signals:
                    found += 1
                    if found == 1:
                        figures = dict(signal.context)
                        print(
                            f"order {seen + signal.row}: the share of shipping changed from "
                            f"{figures['mean_before']:.3f} to {figures['mean_after']:.3f}"
                        )
                seen += len(events)
                # What is finished is committed: a crash repeats the batches that are not.
                finished.add(batch)
            if seen == EVENTS:
                print(f"{seen:,} orders")
                done.set()

    app.finalize()
    await app.start()
    await done.wait()
    await app.stop()
    await asyncio.to_thread(broker.stop)


if __name__ == "__main__":
    asyncio.run(main())
