"""Compressed batches may grow to so much and no more.

A few kilobytes of zstd or gzip can hold gigabytes, and aiokafka would make room for all of them before anybody sees
the first record. So batches are decompressed into room of a fixed size, by calls that end where it is full.
"""

import mmap
import struct
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any

import cramjam
from aiokafka import codec
from aiokafka.record import default_records, legacy_records

from stream_app.errors import DataError

__all__ = ["MAX_BATCH_BYTES", "bound_decompression", "last_decompressed"]

MAX_BATCH_BYTES = 67_108_864
"""Brokers take batches of 1 MiB by default, and producers fill them before they compress."""

_KEPT_BYTES = 1_048_576
"""Of the room, what stays resident after use."""

_XERIAL, _XERIAL_HEADER_BYTES = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01", 16
"""Begin of snappy's blocks as Java clients frame them."""


_last = (0, 0)


def last_decompressed() -> tuple[int, int]:
    """Return how many batches this process has decompressed, and the bytes that the last one has."""
    return _last


def bound_decompression() -> None:
    """Make all clients of this process refuse batches that would grow too large; doing it again changes nothing.

    A batch that is refused, or damaged, is a `DataError` of whoever reads it: a client that skipped it would lose events
    in silence.
    """
    bounded: dict[str, Callable[[Any], bytes]] = {
        "snappy_decode": _counted(_snappy),
        **{
            f"{name}_decode": _counted(partial(_frames, name, getattr(cramjam, name).decompress_into))
            for name in ("gzip", "lz4", "zstd")
        },
    }
    for module in _homes():
        for name in bounded.keys() & vars(module).keys():
            setattr(module, name, bounded[name])


def _counted(decode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def counted(payload: Any) -> bytes:
        global _last  # noqa: PLW0603 batches are read by one thread, see `_room`
        whole = decode(payload)
        _last = (_last[0] + 1, len(whole))
        return whole

    return counted


def _homes() -> Iterator[ModuleType]:
    """Modules whose functions read batches: the plain ones, and the compiled ones where there are any."""
    yield from (codec, default_records, legacy_records)
    for kind in (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch):
        yield sys.modules[kind.__module__]


@cache
def _room() -> mmap.mmap:
    # Memory that is not touched is not there, and batches are read by one thread, the event loop's.
    return mmap.mmap(-1, MAX_BATCH_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _frames(name: str, decompress_into: Callable[[Any, Any], int], payload: Any) -> bytes:
    """Decompress frames or members one after the other, in time linear in what goes in and comes out."""
    room = _room()
    try:
        return room[: decompress_into(payload, room)]
    except cramjam.DecompressionError as error:
        # As the library says that there is no more room.
        if "whole buffer" in str(error):
            raise _too_large() from error
        raise DataError(f"a batch compressed by {name} is damaged: {error}") from error
    finally:
        room.madvise(mmap.MADV_DONTNEED, _KEPT_BYTES)


def _snappy(payload: Any) -> bytes:
    data = memoryview(payload)
    try:
        blocks = [data] if bytes(data[: len(_XERIAL)]) != _XERIAL else list(_xerial_blocks(data))
        # A block of snappy says its size.
        if sum(map(cramjam.snappy.decompress_raw_len, blocks)) > MAX_BATCH_BYTES:
            raise _too_large()
        return b"".join([bytes(cramjam.snappy.decompress_raw(block)) for block in blocks])
    except (cramjam.DecompressionError, struct.error) as error:
        raise DataError(f"a batch compressed by snappy is damaged: {error}") from error


def _xerial_blocks(data: memoryview) -> Iterator[memoryview]:
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        (size,) = struct.unpack_from("!i", data, at)
        if not 0 < size <= len(data) - at - 4:
            raise DataError(f"a batch compressed by snappy is damaged: a block of {size} bytes")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _too_large() -> DataError:
    return DataError(f"it grows beyond {MAX_BATCH_BYTES} bytes: no producer of events makes one")
