"""A member of a group by Kafka's newer protocol (KIP-848, ``group.protocol=consumer``), which aiokafka does not speak."""

import asyncio
import struct

__all__ = ["join_by_newer_protocol"]

_API_KEY, _API_VERSION = 68, 1
_REBALANCE_MS = 60_000
_NULL = b"\x00"
_NO_TAGS = b"\x00"


async def join_by_newer_protocol(address: str, group: str, topic: str, member: str) -> int:
    """Send the first ConsumerGroupHeartbeat of a member.

    The broker keeps the member for its session timeout, 45 seconds by default.

    Parameters
    ----------
    address : str
        Host and port of the group's coordinator.
    group, topic : str
        What is joined, and the topic that the member subscribes to.
    member : str
        A UUID in base64, as members of this protocol draw it.

    Returns
    -------
    int
        Kafka's error code; 0 where the member was taken.
    """
    header = struct.pack(">hhi", _API_KEY, _API_VERSION, 1) + struct.pack(">h", -1) + _NO_TAGS
    body = b"".join(
        [
            _text(group),
            _text(member),
            struct.pack(">i", 0),  # the member's epoch: 0 joins
            _NULL,  # instance
            _NULL,  # rack
            struct.pack(">i", _REBALANCE_MS),
            b"\x02" + _text(topic),  # one topic; arrays are prefixed by their length plus one
            _NULL,  # pattern of topics
            _NULL,  # assignor: the broker's choice
            b"\x01",  # no partitions owned yet
            _NO_TAGS,
        ]
    )
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
        (length,) = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(length)
    finally:
        writer.close()
        await writer.wait_closed()
    # Correlation id, tags, milliseconds of throttling, then the code.
    (code,) = struct.unpack_from(">h", answer, 9)
    return int(code)


def _text(value: str) -> bytes:
    """A compact string: its length plus one in one byte, then UTF-8."""
    encoded = value.encode()
    return bytes([len(encoded) + 1]) + encoded
