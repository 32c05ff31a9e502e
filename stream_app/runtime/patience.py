"""Patience with brokers: with those that answer an empty fetch at once, and with those that bring little again and again.

Kafka holds a fetch that finds nothing for `fetch_max_wait_ms`. Some brokers that speak its protocol answer right away,
and a consumer at the end of the log then asks thousands of times a second: it takes the interpreter from the
agents, and the processor from the broker. Here an empty answer that came at once is kept for some milliseconds.

And Kafka answers as soon as there is one record, so that of ten thousand events a second each fetch brings a few dozen, and
fetching and delivering them costs ten times what the events do. Here a fetch that brought something is followed by a pause
that grows with it: none to speak of where events are few, some milliseconds where they are many.
"""

import asyncio
from time import monotonic
from typing import Any

from aiokafka.protocol.fetch import FetchRequest

__all__ = ["PAUSE_SECONDS", "be_patient"]

PAUSE_SECONDS = 0.01
"""How long an empty fetch takes at least; a new event waits so long at most."""

APART_SECONDS = 0.01
"""How long the pause after a fetch is at most; half of it is what many events wait longer on average."""

_BYTES_PER_SECOND = 1_500_000.0
"""The pause after a fetch is as long as its records would take at this rate. Streams that bring more get the longest pause,
those that bring a fifth of it hardly any."""


def be_patient(client: Any) -> None:
    """Make a client keep empty answers to fetches for a moment, and pause after others.

    Parameters
    ----------
    client : aiokafka.client.AIOKafkaClient
        Changed in place.
    """
    send = client.send
    earliest: dict[int, float] = {}

    async def patient(node_id: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await send(node_id, request, **options)
        pause = earliest.get(node_id, 0.0) - monotonic()
        if pause > 0.0:
            await asyncio.sleep(pause)
        begin = monotonic()
        response = await send(node_id, request, **options)
        if _is_empty(response):
            await asyncio.sleep(max(0.0, PAUSE_SECONDS - (monotonic() - begin)))
        else:
            earliest[node_id] = monotonic() + min(_size(response) / _BYTES_PER_SECOND, APART_SECONDS)
        return response

    client.send = patient


def _is_empty(response: Any) -> bool:
    # Of each partition: number, error, high watermark, further fields by version, and last the records.
    return all(
        error == 0 and not records
        for _, partitions in response.topics
        for _, error, _, *_, records in partitions
    )


def _size(response: Any) -> int:
    return sum(len(records or b"") for _, partitions in response.topics for *_, records in partitions)
