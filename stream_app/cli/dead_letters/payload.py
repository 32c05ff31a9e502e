"""Bytes of an event on a terminal: never raw, because they could steer it."""

from stream_app.cli.show import printable

__all__ = ["payload_lines"]

_SHOWN = 65_536
_WIDTH = 16


def payload_lines(content: bytes | None) -> list[str]:
    r"""Return bytes as lines of printable text.

    Text (UTF-8) keeps its lines and has other control characters spelt out; anything else is a hex dump. Of very large
    ones the first 64 KiB are shown.

    Examples
    --------
    >>> payload_lines(b'{"a":\n 1}\x1b[2J')
    ['{"a":', ' 1}\\x1b[2J']
    >>> payload_lines(b"\xff\x00ab")
    ['00000000  ff 00 61 62                                      ..ab']
    >>> payload_lines(None), payload_lines(b"")
    (['none'], ['empty'])
    """
    if content is None:
        return ["none"]
    if not content:
        return ["empty"]
    try:
        # The cut may go through a character, but a text is one as a whole.
        text = content.decode()
    except UnicodeDecodeError:
        lines = [_dumped(at, content[at : at + _WIDTH]) for at in range(0, min(len(content), _SHOWN), _WIDTH)]
        rest = len(content) - _SHOWN
        return lines if rest <= 0 else [*lines, f"… and {rest:,} bytes more"]
    lines = [printable(line) for line in text[:_SHOWN].split("\n")]
    rest = len(text) - _SHOWN
    return lines if rest <= 0 else [*lines, f"… and {rest:,} characters more"]


def _dumped(at: int, row: bytes) -> str:
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{at:08x}  {row.hex(' '):{_WIDTH * 3 - 1}}  {shown}"
