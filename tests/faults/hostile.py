"""What somebody sends who may write to one topic, or reach the HTTP port: records and requests at random."""

import asyncio
import contextlib
import json
from random import Random
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from faults.log import START
from faults.poison import POISONS

__all__ = ["CODECS", "NAMES", "Record", "bomb", "hostile_record", "send_junk"]

CODECS = ("gzip", "snappy", "lz4", "zstd")

NAMES = (
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31m",
    "\u202egpj.exe",
    "../../etc/passwd",
    '=cmd|" /C calc"!A0',
    "{prefix}:*",
    "a\nb\r\nSET x 1",
    "%s%n${jndi:ldap://x}",
    "\x00",
    "x" * 256,
    "\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
)
"""Names of sources and channels that mean something to a terminal, a shell, a table, a template or Redis."""

_PATHS = (
    "/metrics",
    "/livez",
    "/healthz",
    "/features/sensors/pump",
    "/../../etc/passwd",
    "/%00",
    "/v1/features",
)


class Record(NamedTuple):
    """A record of a topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def hostile_record(chance: Random, number: int) -> Record:
    """Draw a record: noise, a damaged event, or an odd one that is valid."""
    event: dict[str, Any] = {
        "source": f"machine-{number % 50}",
        "ts": START + number / 10,
        "values": {"flow": chance.gauss(100.0, 1.0)},
    }
    match chance.randrange(6):
        case 0:
            value: bytes | None = chance.randbytes(chance.randint(0, 2000))
        case 1:
            damaged = bytearray(json.dumps(event).encode())
            for _ in range(chance.randint(1, 5)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            value = bytes(damaged)
        case 2:
            value = chance.choice(list(POISONS.values()))(json.dumps(event).encode())
        case 3:
            event["source"] = chance.choice(NAMES) + str(chance.randrange(20))
            value = json.dumps(event).encode()
        case 4:
            event["values"] = {
                chance.choice(NAMES): 1.0,
                f"c{chance.randrange(500)}": chance.choice([1e308, -0.0]),
            }
            value = json.dumps(event).encode()
        case _:
            event["source"] = f"new-{number}"
            event["ts"] += chance.choice([0.0, 72_000.0, -1e6])
            value = json.dumps(event).encode()
    key = chance.choice([None, b"", b"machine", chance.randbytes(chance.choice([10, 1000]))])
    headers = [(chance.choice(NAMES), chance.randbytes(20))] * chance.choice([0, 0, 1, 30])
    return Record(key, value, headers)


async def bomb(kafka: str, topic: str, codec: str, size: int, partition: int = 0) -> None:
    """Produce one batch of `size` zeros."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, compression_type=codec, max_request_size=2 * size, max_batch_size=2 * size
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, bytes(size), partition=partition)
    finally:
        await producer.stop()


async def send_junk(port: int, chance: Random) -> None:
    """Make one request of a local HTTP port: noise, an endless header, half a request, an odd path or body."""
    path = chance.choice(_PATHS)
    request = chance.choice(
        [
            chance.randbytes(500),
            b"GET " + path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
            b"GET " + path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"GET " + path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            b"POST /v1/features HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 20000\r\n\r\n" + b"[" * 20_000,
        ]
    )
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                await reader.read(4096)
            finally:
                writer.close()
