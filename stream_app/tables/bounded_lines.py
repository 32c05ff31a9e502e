"""Files of text, compressed or not, whose lines are no longer than a limit.

A few kilobytes of gzip may hold one line of gigabytes, which a reader of lines would put together first.
"""

import io
from pathlib import Path
from typing import Any, BinaryIO

from stream_app.errors import SourceError
from stream_app.tables.compression import uncompressed
from stream_app.tables.encoding import HEAD_BYTES, encoding_of

__all__ = ["BLOCK_BYTES", "MAX_LINE_BYTES", "BoundedLines", "opened", "opened_text"]

MAX_LINE_BYTES = 1 << 20
"""Bytes of the longest line that is read: ten thousand columns of numbers take a fifth."""

BLOCK_BYTES = 1 << 24
"""Bytes of a file after which no more rows join a block: as objects they take up to twenty times as much."""


class BoundedLines(io.RawIOBase):
    """The bytes of a file as they are; too long a line is an error.

    Parameters
    ----------
    file : binary file
        Closed with this.
    path : Path
        For messages.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._line = 1
        self._since = 0
        self.bytes = 0
        """Read so far."""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read.

        Raises
        ------
        SourceError
            If a line is longer than `MAX_LINE_BYTES`.
        """
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self.bytes += len(piece)
        # A file of an old Mac has carriage returns only.
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        self._since = len(piece) - end - 1 if end >= 0 else self._since + len(piece)
        self._line += piece.count(b"\n")
        if self._since > MAX_LINE_BYTES:
            raise SourceError(
                f"{self._path}:{self._line}: a line of more than {MAX_LINE_BYTES:,} bytes; is it a table at all?"
            )
        return len(piece)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def opened(path: Path) -> tuple[io.BufferedReader, BoundedLines]:
    """Open a file of text, which may be compressed.

    Returns
    -------
    BufferedReader, BoundedLines
        To read from, and what counts the bytes below it.
    """
    lines = BoundedLines(uncompressed(path), path)
    return io.BufferedReader(lines, HEAD_BYTES), lines


def opened_text(path: Path, encoding: str | None = None) -> tuple[io.TextIOWrapper, BoundedLines]:
    """Open a file of text as text; ends of lines stay as they are.

    Parameters
    ----------
    path : Path
    encoding : str or None
        Found in the first bytes if None.

    Raises
    ------
    SourceError
        If it is no text, or there is no such encoding.
    """
    buffered, below = opened(path)
    try:
        if encoding is None:
            encoding, _ = encoding_of(buffered.peek(HEAD_BYTES))
        return io.TextIOWrapper(buffered, encoding=encoding, newline=""), below
    except ValueError:
        buffered.close()
        raise SourceError(
            f"{path}: unknown format; no text and no table of Parquet, Feather or Excel"
        ) from None
    except LookupError:
        buffered.close()
        raise SourceError(f"{path}: --encoding: Python knows no {encoding!r}") from None
