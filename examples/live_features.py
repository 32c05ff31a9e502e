"""Live features in an application: what a customer bought in the last half hour, asked before an offer is made."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import stream_app as sg
from stream_app.settings import SessionStream
from stream_app.testing import run_worker, send_events

SHOP = SessionStream.model_validate(
    {
        "topic": "shop",
        "entity_field": "customer",
        "views": [
            {
                "name": "purchases",
                "features": {
                    "spent_30m": {"sum": "amount", "window": "30m"},
                    "orders_1d": {"count": "*", "window": "1d"},
                },
            }
        ],
    }
)


def purchases(now: float) -> Iterator[dict[str, Any]]:
    """Give what two customers bought in the last two hours."""
    for customer, minutes_ago, amount in (
        ("ada", 100, 40.0),
        ("ada", 20, 15.5),
        ("ben", 90, 8.0),
        ("ada", 5, 4.5),
    ):
        yield {
            "customer": customer,
            "ts": now - 60 * minutes_ago,
            "type": "purchase",
            "values": {"amount": amount},
        }


async def main() -> None:
    """Ask for the features of three customers until the worker has seen the newest event."""
    now = time.time()
    async with run_worker({"shop": SHOP}) as settings:
        await send_events(settings, "shop", purchases(now), key="customer")
        async with await sg.AsyncFeatureClient.connect(settings.redis) as client:
            while True:
                found = await client.get_online_features(
                    ["purchases:spent_30m", "purchases:orders_1d"], ["ada", "ben", "eve"], at=now
                )
                if found["ada", "purchases:orders_1d"].value == 3:
                    break
                await asyncio.sleep(0.1)
    for customer in found.entities:
        spent, orders = (found[customer, f"purchases:{name}"] for name in ("spent_30m", "orders_1d"))
        print(f"{customer}: spent {spent.value}, orders {orders.value}, {orders.status.value}")


if __name__ == "__main__":
    asyncio.run(main())
