"""Patience with brokers that answer an empty fetch at once.

Kafka holds a fetch that finds nothing for `fetch_max_wait_ms`. Some brokers that speak its protocol answer right away,
and a consumer at the end of the log then asks thousands of times a second: it takes the interpreter from the
agents, and the processor from the broker. Here an empty answer that came at once is kept for some milliseconds.
"""

import asyncio
from time import monotonic
from typing import Any

from aiokafka.protocol.fetch import FetchRequest

__all__ = ["PAUSE_SECONDS", "be_patient"]

PAUSE_SECONDS = 0.01
"""How long an empty fetch takes at least; a new event waits so long at most."""


def be_patient(client: Any) -> None:
    """Make a client keep empty answers to fetches for a moment.

    Parameters
    ----------
    client : aiokafka.client.AIOKafkaClient
        Changed in place.
    """
    send = client.send

    async def patient(node_id: int, request: Any, **options: Any) -> Any:
        begin = monotonic()
        response = await send(node_id, request, **options)
        if isinstance(request, FetchRequest) and _is_empty(response):
            await asyncio.sleep(max(0.0, PAUSE_SECONDS - (monotonic() - begin)))
        return response

    client.send = patient


def _is_empty(response: Any) -> bool:
    # Of each partition: number, error, high watermark, further fields by version, and last the records.
    return all(
        error == 0 and not records
        for _, partitions in response.topics
        for _, error, _, *_, records in partitions
    )
