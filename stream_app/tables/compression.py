"""Compressed files, told by their first bytes and not by their names, as streams of what is in them."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile

from stream_app.errors import MissingExtraError, SourceError

__all__ = ["COMPRESSED", "compression_at", "compression_of", "uncompressed"]

COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip")
"""Usual endings."""

_HEADS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
}


def compression_of(head: bytes) -> str | None:
    """Return how a file is compressed, None where it is not.

    Examples
    --------
    >>> compression_of(gzip.compress(b"ts,flow")), compression_of(b"ts,flow")
    ('gzip', None)
    """
    return next((name for begin, name in _HEADS.items() if head.startswith(begin)), None)


def compression_at(path: Path) -> str | None:
    """Return how the file at a path is compressed, None where it is not."""
    with path.open("rb") as file:
        return compression_of(file.read(8))


def uncompressed(path: Path) -> BinaryIO:
    """Open a file, compressed or not, for reading what is in it.

    Raises
    ------
    SourceError
        If it is an archive of several files, or of none.
    MissingExtraError
        If what unpacks it is not installed.
    OSError
        If it cannot be read.
    """
    file = path.open("rb")
    kind = compression_of(file.read(8))
    file.seek(0)
    if kind is None:
        return file
    file.close()
    return _OPENERS[kind](path)


def _zstd(path: Path) -> BinaryIO:
    try:
        import pyarrow as pa  # noqa: PLC0415 few files need it
    except ImportError:
        raise MissingExtraError(
            f"{path}: Zstandard needs", "pyarrow", "parquet", otherwise="unpack it"
        ) from None
    # Not as a method of the path: the type of compression is told by content here.
    return cast("BinaryIO", pa.input_stream(str(path), compression="zstd"))


def _zip(path: Path) -> BinaryIO:
    try:
        archive = ZipFile(path)
    except (BadZipFile, NotImplementedError) as error:
        raise SourceError(f"{path}: damaged: {error}") from None
    members = [
        one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        archive.close()
        names = ", ".join(one.filename for one in members[:3])
        raise SourceError(f"{path}: an archive of {len(members)} files ({names}); unpack it and name one")
    if members[0].flag_bits & 1:
        archive.close()
        raise SourceError(f"{path}: the archive has a password; unpack it")
    try:
        return cast("BinaryIO", archive.open(members[0]))
    except (NotImplementedError, BadZipFile) as error:
        archive.close()
        raise SourceError(f"{path}: {error}; unpack it") from None


_OPENERS: Mapping[str, Callable[[Path], BinaryIO]] = {
    "gzip": lambda path: cast("BinaryIO", gzip.open(path)),  # noqa: SIM115 closed by the caller
    "bzip2": lambda path: cast("BinaryIO", bz2.open(path)),  # noqa: SIM115 closed by the caller
    "xz": lambda path: cast("BinaryIO", lzma.open(path)),  # noqa: SIM115 closed by the caller
    "zstd": _zstd,
    "zip": _zip,
}
