"""CRC-32 for kernels, of bytes in the middle of others: zlib's takes a copy of them, and a call from Python."""

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import Bytes, IntArray
from stream_app.core.kernel import kernel

__all__ = ["checksum"]

_MASK = 0xFFFFFFFF
_POLYNOMIAL = 0xEDB88320


def _checksum_table() -> npt.NDArray[np.uint32]:
    """Eight tables of CRC-32, for eight bytes a step (Kounavis and Berry, 2005)."""
    table = np.zeros((8, 256), dtype=np.uint32)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table[0, byte] = value
    for i in range(1, 8):
        before = table[i - 1]
        table[i] = before >> np.uint32(8) ^ table[0, before & np.uint32(255)]
    return table.ravel()


_TABLE = _checksum_table()


@kernel
def checksum(raw: Bytes, words: IntArray, begin: int, end: int) -> int:
    """Return the CRC-32 of some bytes, as `zlib.crc32` does.

    Parameters
    ----------
    raw : array of uint8
        All bytes.
    words : array of int
        At each byte the integer of eight that begins there.
    begin, end : int
        Which bytes.
    """
    crc = np.int64(_MASK)
    at = begin
    while at + 8 <= end:
        word = words[at]
        low = crc ^ (word & _MASK)
        high = (word >> 32) & _MASK
        crc = (
            np.int64(_TABLE[1792 + (low & 255)])
            ^ np.int64(_TABLE[1536 + (low >> 8 & 255)])
            ^ np.int64(_TABLE[1280 + (low >> 16 & 255)])
            ^ np.int64(_TABLE[1024 + (low >> 24)])
            ^ np.int64(_TABLE[768 + (high & 255)])
            ^ np.int64(_TABLE[512 + (high >> 8 & 255)])
            ^ np.int64(_TABLE[256 + (high >> 16 & 255)])
            ^ np.int64(_TABLE[high >> 24])
        )
        at += 8
    while at < end:
        crc = (crc >> 8) ^ np.int64(_TABLE[(crc ^ np.int64(raw[at])) & 255])
        at += 1
    return int(crc ^ _MASK)
