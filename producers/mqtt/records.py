"""The Kafka record that is made of an MQTT message."""

from dataclasses import dataclass
from itertools import islice

__all__ = ["LEVEL_HEADER", "MAX_LEVELS", "TOPIC_HEADER", "Arrived", "key_of", "record_bytes", "topic_headers"]

TOPIC_HEADER = "mqtt.topic"
"""Header that holds the topic in MQTT."""

LEVEL_HEADER = "mqtt.topic.{level}"
"""Header that holds one level of it, counted from 1."""

MAX_LEVELS = 16
"""Levels that have headers; the whole topic has one in any case."""

_LEVEL_NAMES = tuple(LEVEL_HEADER.format(level=level) for level in range(1, MAX_LEVELS + 1))


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came.

    Parameters
    ----------
    topic : str
        In MQTT.
    payload : bytes
    qos, mid : int
        Quality of service, 0 or 1, and the identifier by which it is acknowledged.
    connection : int
        Number of the connection that brought it: an identifier means something on that one only.
    retained : bool
        Whether it is the last value of its topic, sent because we subscribed, and not an event of now.
    repeated : bool
        Whether the broker sent it before.
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    connection: int
    retained: bool = False
    repeated: bool = False


def topic_headers(topic: str) -> list[tuple[str, bytes]]:
    """Return the headers of a message: its topic, and each of its levels.

    Examples
    --------
    >>> topic_headers("plant/p1")
    [('mqtt.topic', b'plant/p1'), ('mqtt.topic.1', b'plant'), ('mqtt.topic.2', b'p1')]
    """
    levels = islice(zip(_LEVEL_NAMES, topic.split("/"), strict=False), MAX_LEVELS)
    return [(TOPIC_HEADER, topic.encode()), *((name, level.encode()) for name, level in levels)]


def key_of(topic: str, level: int | None) -> bytes:
    """Return the key of a message's record: a level of its topic, or all of it where it has no such level.

    Examples
    --------
    >>> key_of("plant/p1/flow", 2), key_of("plant", 2), key_of("plant/p1", None)
    (b'p1', b'plant', b'plant/p1')
    """
    levels = topic.split("/") if level is not None else []
    return (levels[level - 1] if level is not None and level <= len(levels) else topic).encode()


_BATCH_OVERHEAD, _RECORD_OVERHEAD, _HEADER_OVERHEAD = 61, 32, 10
"""Of Kafka's format, at most: lengths have up to five bytes each."""


def record_bytes(message: Arrived, level: int | None) -> int:
    """Return the most bytes that a message takes as a batch of one record, before compression.

    Examples
    --------
    >>> record_bytes(Arrived("plant/p1", b"12.5", 1, 1, 1), 2)
    178
    """
    headers = topic_headers(message.topic)
    return (
        _BATCH_OVERHEAD
        + _RECORD_OVERHEAD
        + len(key_of(message.topic, level))
        + len(message.payload)
        + sum(len(name) + len(value) + _HEADER_OVERHEAD for name, value in headers)
    )
