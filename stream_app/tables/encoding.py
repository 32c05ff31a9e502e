"""The encoding of a file of text: what its first bytes say, else UTF-8, else what its letters make likely."""

import re

from charset_normalizer import from_bytes

__all__ = ["HEAD_BYTES", "encoding_of"]

HEAD_BYTES = 1 << 16
"""Bytes at the beginning that tell the encoding."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)

_WIDE = ["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]
"""Encodings that other looks have ruled out."""

_MOST_ZEROS = 0.1
"""Share of zero bytes from which on a file is no text."""

_PAIR = re.compile(rb"[\x80-\xff]{2}")


def encoding_of(head: bytes) -> tuple[str, bool]:
    """Find the encoding of a file by its first bytes.

    Parameters
    ----------
    head : bytes
        Up to `HEAD_BYTES`; the last letter may be cut.

    Returns
    -------
    str, bool
        The encoding as Python names it, and whether it is guessed.

    Raises
    ------
    ValueError
        If it is no text.

    Examples
    --------
    >>> encoding_of("Zeit;Durchfluß".encode()), encoding_of("Zeit;Fluß".encode("utf-16"))
    (('utf-8', False), ('utf-16', False))
    >>> encoding_of("Zeit;Temperatur Rücklauf °C;Überdruck".encode("cp1252"))
    ('cp1252', True)
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, False
    # Digits and separators in UTF-16 without a mark: every other byte is zero.
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.9 * len(zeros):
            return name, True
    if head.count(0) > _MOST_ZEROS * len(head):
        raise ValueError("no text")
    if is_utf8(head):
        return "utf-8", False
    # A letter here and there among those of ASCII is of a language of the West, or a degree sign: too little for statistics.
    best = None if _PAIR.search(head) is None else from_bytes(head, cp_exclusion=_WIDE).best()
    return ("cp1252" if best is None else best.encoding), True


def is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8, but for a last letter that is cut."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end == len(head) and error.reason == "unexpected end of data"
    return True
