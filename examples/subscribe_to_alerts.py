"""Alerts as they are raised and resolved, in a program of one's own: a pump fails, and somebody is called."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np

import stream_app as sg
from stream_app.testing import run_worker, send_events


def readings() -> Iterator[dict[str, Any]]:
    """Give a reading a second; the flow is too low from the 900th to the 999th."""
    flow = np.random.default_rng(7).normal(32.0, 0.4, size=1300)
    flow[900:1000] -= 3.0
    for i, value in enumerate(flow.tolist()):
        yield {"source": "pump-1", "ts": 1_770_000_000 + i, "values": {"flow": value}}


async def main() -> None:
    """Print the first alert and its end."""
    async with run_worker({"pumps": sg.SensorStream(topic="pumps")}) as settings:
        await send_events(settings, "pumps", readings(), key="source")
        # In production: AlertSubscriber("kafka-1:9092", group="pager"), which continues where the group stopped.
        async with sg.AlertSubscriber(settings.kafka, start="earliest", kinds={"anomaly"}) as alerts:
            async for alert in alerts:
                print(f"{alert.source}: {alert.state.value}, {alert.summary}")
                if alert.ended_at is not None:
                    print(f"it lasted {alert.ended_at - alert.started_at:.0f} s")
                    break


if __name__ == "__main__":
    asyncio.run(main())
