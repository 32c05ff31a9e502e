"""Events of the benchmarks: 8 channels of real-valued noise, because constants would compress and compare unlike measurements."""

import asyncio
from collections.abc import Callable

import msgspec
import numpy as np
from aiokafka import AIOKafkaProducer

from stream_app.kafka import ensure_topics
from stream_app.settings import KafkaSettings

__all__ = [
    "CHANNELS",
    "FLAT",
    "MEAN",
    "PARTITIONS",
    "Reading",
    "encoder",
    "flat_encoder",
    "make_topic",
    "noise",
    "record",
    "source",
]

CHANNELS = tuple(f"channel-{j}" for j in range(8))
PARTITIONS = 4
MEAN, SD = 20.0, 3.0


class Reading(msgspec.Struct):
    """What a program of one's own would decode."""

    source: str
    ts: float
    values: dict[str, float]


def noise(rows: int, seed: int = 0) -> np.ndarray:
    """Return readings of ordinary operation."""
    return np.random.default_rng(seed).normal(MEAN, SD, (rows, len(CHANNELS)))


def source(number: int) -> str:
    """Return the name of a source."""
    return f"pump-{number}"


def encoder() -> Callable[[int, float, list[float]], bytes]:
    """Return a function from the number of a source, a time and values to an event."""
    encode = msgspec.json.Encoder().encode

    def event(number: int, ts: float, values: list[float]) -> bytes:
        return encode(
            {"source": source(number), "ts": ts, "values": dict(zip(CHANNELS, values, strict=True))}
        )

    return event


def flat_encoder() -> Callable[[int, float, list[float]], bytes]:
    """Return a function to events as telemetry often is: flat, with milliseconds and texts beside; see `FLAT`."""
    encode = msgspec.json.Encoder().encode

    def event(number: int, ts: float, values: list[float]) -> bytes:
        parts = {"device": source(number), "t": int(1000 * ts), "state": "on"}
        return encode(parts | dict(zip(CHANNELS, values, strict=True)))

    return event


FLAT = {"source": "device", "time": "t", "time_unit": "ms", "values": "."}
"""The mapping of what `flat_encoder` makes."""


async def make_topic(kafka: str, topic: str) -> None:
    """Make a topic."""
    await ensure_topics(KafkaSettings(bootstrap=kafka), {topic: PARTITIONS}, create=True)


async def record(
    kafka: str, topic: str, events: int, sources: int, event: Callable[[int, float, list[float]], bytes]
) -> float:
    """Fill a topic with events of sources in turn, a second apart; return their mean size in bytes."""
    await make_topic(kafka, topic)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5, max_batch_size=262_144)
    await producer.start()
    size = 0
    sent = []
    for i, row in enumerate(noise(events).tolist()):
        number = i % sources
        value = event(number, 1.6e9 + i // sources, row)
        size += len(value)
        sent.append(
            await producer.send(topic, value, key=source(number).encode(), partition=number % PARTITIONS)
        )
        if len(sent) == 10_000:
            await asyncio.gather(*sent)
            sent.clear()
    await producer.stop()
    return size / events
