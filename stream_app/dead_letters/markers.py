"""Markers: records of the dead-letter topic that say which of its letters are being, or were, sent back.

A marker stands in the partition of the letters it is about, behind them. So it is never removed before them, everybody
who reads the letters reads it too, and the order of the partition decides between two who want the same letter.
"""

import re
from typing import Any, Literal, NamedTuple, Self

import msgspec

from stream_app.errors import DataError

__all__ = [
    "MARKER_HEADER",
    "REPLAY_HEADER",
    "Place",
    "ReplayMarker",
    "decode_marker",
    "encode_marker",
    "is_marker",
]

REPLAY_HEADER = "__streamgauge.replay.of"
"""Header of an event that was sent back: ``topic:partition:offset`` of its dead letter."""

MARKER_HEADER = "__streamgauge.replay.mark"
"""Header by which a marker is told from a letter."""

_PLACE = re.compile(r"(\d{1,9}):(\d{1,18})")


class Place(NamedTuple):
    """Where a record of the dead-letter topic stands; the id of a letter.

    Examples
    --------
    >>> str(Place.parse("0:17"))
    '0:17'
    """

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an id.

        Raises
        ------
        ValueError
            If it is none.
        """
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not the id of a dead letter, like 0:17")
        return cls(int(match[1]), int(match[2]))


class ReplayMarker(msgspec.Struct, frozen=True):
    """What one replay says of some letters of a partition.

    Parameters
    ----------
    run : str
        Id of the replay.
    state : str
        ``claimed``: about to be sent. ``sent``: the broker has them. ``dropped``: claimed, and never sent.
    to : str
        Topic they are sent to.
    offsets : list of int
        The letters, in the marker's own partition.
    ends : dict of partition to offset
        Of a claim: where `to` ended before. What was sent stands behind that.
    again : bool
        Of a claim: whether it is for letters that were sent already, too.
    by : str
        Who started the replay; empty where that was not said.
    """

    run: str
    state: Literal["claimed", "sent", "dropped"]
    to: str
    offsets: list[int]
    ends: dict[int, int] = {}
    again: bool = False
    by: str = ""


def is_marker(record: Any) -> bool:
    """Whether a record of the dead-letter topic is a marker."""
    return any(name == MARKER_HEADER for name, _ in record.headers)


def encode_marker(marker: ReplayMarker) -> bytes:
    """Return the value of a marker's record."""
    return msgspec.json.encode(marker)


def decode_marker(value: bytes | None) -> ReplayMarker:
    """Read a marker back.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return msgspec.json.decode(value or b"", type=ReplayMarker)
    except msgspec.MsgspecError as error:
        raise DataError(f"not a marker of a replay: {error}") from None
