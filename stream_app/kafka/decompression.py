"""Compressed batches may grow to so much and no more.

A few kilobytes of zstd or gzip can hold gigabytes, and aiokafka would make room for all of them before anybody sees
the first record. So the size that a batch will have is read from its blocks first, or watched while it grows.
"""

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import cramjam
from aiokafka import codec
from aiokafka.record import default_records, legacy_records

from stream_app.errors import DataError

__all__ = ["MAX_BATCH_BYTES", "bound_decompression"]

MAX_BATCH_BYTES = 67_108_864
"""Brokers take batches of 1 MiB by default, and producers fill them before they compress."""

_GZIP = 31
_ZSTD, _ZSTD_BLOCK_BYTES = 0xFD2FB528, 131_072
_LZ4, _LZ4_BLOCK_BYTES = 0x184D2204, {4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304}
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_XERIAL, _XERIAL_HEADER_BYTES = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01", 16

_snappy_decode, _lz4_decode, _zstd_decode = codec.snappy_decode, codec.lz4_decode, codec.zstd_decode


def bound_decompression() -> None:
    """Make all clients of this process refuse batches that would grow too large; doing it again changes nothing.

    A batch that is refused ends its reader with a `DataError`: a client that skipped it would lose events in silence.
    """
    bounded: dict[str, Callable[[Any], bytes]] = {
        "gzip_decode": _gzip,
        "snappy_decode": _snappy,
        "lz4_decode": _lz4,
        "zstd_decode": _zstd,
    }
    for module in _homes():
        for name in bounded.keys() & vars(module).keys():
            setattr(module, name, bounded[name])


def _homes() -> Iterator[ModuleType]:
    """Modules whose functions read batches: the plain ones, and the compiled ones where there are any."""
    yield from (codec, default_records, legacy_records)
    for kind in (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch):
        yield sys.modules[kind.__module__]


def _admit(sizes: Iterator[int]) -> None:
    total = 0
    for size in sizes:
        total += size
        if total > MAX_BATCH_BYTES:
            raise DataError(
                f"a compressed batch on Kafka grows beyond {MAX_BATCH_BYTES} bytes: no producer of events makes one. "
                "Find out who wrote it; kafka-delete-records removes it, with all that stands before it"
            )


def _gzip(payload: Any) -> bytes:
    parts: list[bytes] = []
    rest = bytes(payload)
    while rest:
        member = zlib.decompressobj(_GZIP)
        parts.append(member.decompress(rest, MAX_BATCH_BYTES + 1))
        _admit(map(len, parts))
        if not member.eof:
            raise EOFError("a batch compressed by gzip is cut off")
        rest = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _snappy(payload: Any) -> bytes:
    data = bytes(payload)
    _admit(_snappy_sizes(data))
    return bytes(_snappy_decode(data))


def _snappy_sizes(data: bytes) -> Iterator[int]:
    if not data.startswith(_XERIAL):
        yield cramjam.snappy.decompress_raw_len(data)
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        (size,) = struct.unpack_from("!i", data, at)
        if size <= 0:
            raise DataError("a batch compressed by snappy is damaged")
        yield cramjam.snappy.decompress_raw_len(data[at + 4 : at + 4 + size])
        at += 4 + size


def _lz4(payload: Any) -> bytes:
    data = bytes(payload)
    _admit(_frames(data, _LZ4, _lz4_frame))
    return bytes(_lz4_decode(data))


def _lz4_frame(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    flags, blocks = data[at + 4], _LZ4_BLOCK_BYTES.get(data[at + 5] >> 4 & 7, 4_194_304)
    at += 7 + 8 * bool(flags & 8) + 4 * bool(flags & 1)
    while size := struct.unpack_from("<I", data, at)[0] & 0x7FFFFFFF:
        at += 4 + size + 4 * bool(flags & 16)
        yield at, blocks
    yield at + 4 + 4 * bool(flags & 4), 0


def _zstd(payload: Any) -> bytes:
    data = bytes(payload)
    _admit(_frames(data, _ZSTD, _zstd_frame))
    return bytes(_zstd_decode(data))


def _zstd_frame(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    flags = data[at + 4]
    single = bool(flags & 32)
    content = (int(single), 2, 4, 8)[flags >> 6]
    at += 5 + (not single) + (0, 1, 2, 4)[flags & 3] + content
    last = False
    while not last:
        head = int.from_bytes(data[at : at + 3], "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        # A block of one repeated byte says its size; a compressed one holds this much at most.
        yield at, size if kind < 2 else _ZSTD_BLOCK_BYTES
        at += 3 + (1 if kind == 1 else size)
        last = last or at >= len(data)
    yield at + 4 * bool(flags & 4), 0


def _frames(
    data: bytes, magic: int, blocks: Callable[[bytes, int], Iterator[tuple[int, int]]]
) -> Iterator[int]:
    """Most bytes that each block of each frame can hold; what is no frame is left to the decoder to refuse."""
    at = 0
    try:
        while at + 4 <= len(data):
            found = struct.unpack_from("<I", data, at)[0]
            if found in _SKIPPABLE:
                at += 8 + struct.unpack_from("<I", data, at + 4)[0]
            elif found == magic:
                for after, size in blocks(data, at):
                    at = after
                    yield size
            else:
                return
    except (struct.error, IndexError):
        return
