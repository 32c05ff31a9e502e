"""IDX files, the form in which MNIST and its kin are handed out: a header, then bytes; gzipped or not."""

import gzip
import zlib
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError

__all__ = ["MAX_BYTES", "Bytes", "read_idx"]

Bytes: TypeAlias = npt.NDArray[np.uint8]

MAX_BYTES = 1 << 30
"""Most bytes that a file may hold once unpacked: a million images of MNIST's size. Its header is asked before any is
unpacked."""

_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
_KINDS = {1: "labels", 3: "images"}


def read_idx(path: Path, dimensions: int) -> Bytes:
    """Read an IDX file of unsigned bytes.

    Parameters
    ----------
    path : Path
        Gzipped or not; told apart by its first bytes.
    dimensions : int
        3 for images (count, rows, columns), 1 for labels.

    Returns
    -------
    ndarray of uint8

    Raises
    ------
    SourceError
        When it cannot be read, is something else, or holds fewer or more bytes than its header says.
    """
    try:
        with path.open("rb") as plain:
            magic = plain.read(2)
            plain.seek(0)
            packed = gzip.GzipFile(fileobj=plain) if magic == _GZIP else plain
            return _parsed(cast("BinaryIO", packed), path, dimensions)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: damaged gzip ({error}); fetch the file again") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None


def _parsed(file: BinaryIO, path: Path, dimensions: int) -> Bytes:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise SourceError(
            f"{path}: not an IDX file: it begins with {head!r}; files of MNIST's form are expected"
        )
    if head[2] != _UNSIGNED_BYTE:
        raise SourceError(
            f"{path}: holds values of IDX type 0x{head[2]:02x}; unsigned bytes (0x08) are expected"
        )
    if head[3] != dimensions:
        holds = _KINDS.get(head[3], "something else")
        raise SourceError(
            f"{path}: has {head[3]} dimensions ({holds}), not {dimensions} ({_KINDS[dimensions]}); "
            "is it the other one of the two files?"
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise SourceError(f"{path}: cut off inside its header; fetch the file again")
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    # In Python's numbers: the product of three sizes may pass 64 bits.
    expected = 1
    for size in shape:
        expected *= size
    if expected > MAX_BYTES:
        raise SourceError(
            f"{path}: its header promises {expected:,} bytes {shape}; at most {MAX_BYTES:,} are read"
        )
    body = _read(file, expected + 1)
    if len(body) < expected:
        raise SourceError(
            f"{path}: cut off: its header promises {expected:,} bytes {shape}, it has {len(body):,}; "
            "fetch the file again"
        )
    if len(body) > expected:
        raise SourceError(
            f"{path}: goes on after the {expected:,} bytes {shape} that its header promises; fetch the file again"
        )
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _read(file: Any, size: int) -> bytes:
    """Read up to `size` bytes: a promise of much and a file of little must not cost memory."""
    pieces, left = [], size
    while left and (piece := file.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
