"""Parquet files whose numbers are forged: each of the foot and of the first page in turn."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["forgeries"]

_ABSURD = (2 * 2**62, 2 * (2**31 - 1), 2 * 10**9, 1)
"""As Thrift writes them: 2^62, 2^31 - 1, a milliard, and -1."""
_SIZES = (2**31 - 1, 2**62)
_COUNTS = (2**31 - 1, 10**8)

_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}
"""Bytes of what is no number of its own: true, false, a byte, a float."""
_BOOL, _INTEGERS, _TEXT, _LISTS, _STRUCT = (1, 2), (4, 5, 6), 8, (9, 10), 12


class _Number(NamedTuple):
    """A number in Thrift's compact form: where it is, and what it may be instead."""

    field: str
    begin: int
    end: int
    instead: tuple[bytes, ...]


def forgeries(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield files with one number forged, each with its name, such as ``foot.4.0.3``, its number of rows in the first group."""
    size = struct.unpack("<I", raw[-8:-4])[0]
    body, foot = raw[: -8 - size], raw[-8 - size : -8]
    for number in _numbers(foot, "foot"):
        for value in number.instead:
            made = foot[: number.begin] + value + foot[number.end :]
            yield number.field, body + made + struct.pack("<I", len(made)) + b"PAR1"
    for number in _numbers(raw[4:], "page"):
        for value in number.instead:
            yield number.field, raw[: 4 + number.begin] + value + raw[4 + number.end :]
    for claimed in (0, 10**9, 2**31 - 1, 2**32 - 1):
        yield "size of the foot", raw[:-8] + struct.pack("<I", claimed) + b"PAR1"


def _numbers(data: bytes, name: str) -> list[_Number]:
    found: list[_Number] = []
    _walk(data, 0, _STRUCT, name, found)
    return found


def _walk(data: bytes, at: int, kind: int, name: str, found: list[_Number]) -> int:
    """Collect the numbers of a value, and return where it ends."""
    if kind in _FIXED:
        return at + _FIXED[kind]
    if kind in _INTEGERS:
        _, end = _varint(data, at)
        found.append(_Number(name, at, end, tuple(map(_encoded, _ABSURD))))
        return end
    if kind == _TEXT:
        size, end = _varint(data, at)
        found.append(_Number(name, at, end, tuple(map(_encoded, _SIZES))))
        return end + size
    if kind in _LISTS:
        return _walk_list(data, at, name, found)
    number = 0
    while data[at]:
        delta, inner = data[at] >> 4, data[at] & 15
        at += 1
        if not delta:
            raise ValueError("a long field number, which the tests' files do not have")
        number += delta
        at = _walk(data, at, inner, f"{name}.{number}", found)
    return at + 1


def _walk_list(data: bytes, at: int, name: str, found: list[_Number]) -> int:
    begin, size, inner = at, data[at] >> 4, data[at] & 15
    at += 1
    if size == 15:
        size, at = _varint(data, at)
    found.append(
        _Number(name, begin, at, tuple(bytes([0xF0 | inner]) + _encoded(count) for count in _COUNTS))
    )
    for i in range(size):
        at = at + 1 if inner in _BOOL else _walk(data, at, inner, f"{name}.{i}", found)
    return at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
