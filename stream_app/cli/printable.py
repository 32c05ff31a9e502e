r"""Whatever a command prints passes through here: text of events may steer a terminal, or forge a line.

Control characters, also those of eight bits, marks of direction, lone surrogates and separators of lines are written as
JSON has them, ``\u001b``, so that one form serves text and JSON, where it means the same. `printable` does this for
a text that is to stand on a line; standard output and standard error do it again, all but the ends of lines, for what a
command forgot. Sequences that colour text go past that, because only the console makes them.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from stream_app.text import printable

__all__ = ["PrintableConsole", "printable", "printable_lines", "printable_output", "unfiltered"]


def printable_lines(text: str) -> str:
    """Spell out the characters of a text that are not printable, all but the ends of its lines."""
    return "\n".join(map(printable, text.split("\n")))


class _PrintableStream:
    """A text stream that writes printable text only, in lines; all else is that of the stream below."""

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        self.below.write(printable_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream below, for a writer that makes its texts printable and colours them."""
    return stream.below if isinstance(stream, _PrintableStream) else stream


@contextmanager
def printable_output() -> Iterator[None]:
    """Let standard output and standard error write printable text only while the body runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _PrintableStream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class PrintableConsole(Console):
    r"""A console whose texts are printable; only its own styles are escape sequences.

    Examples
    --------
    >>> PrintableConsole().print("pump \x9b1m", markup=False)
    pump \u009b1m
    """

    @property
    def file(self) -> IO[str]:
        """The stream that it writes to: now, since others may take the place of standard output."""
        return unfiltered(cast("TextIO", Console.file.fget(self)))  # type: ignore[attr-defined]

    @file.setter
    def file(self, new: IO[str]) -> None:
        self._file = new

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield what a console would, with printable texts."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)
