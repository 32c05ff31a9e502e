"""Places of the parts of an event in a message: paths, and what its record says beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from stream_app.events.dead_letter import Header

__all__ = ["MISSING", "Envelope", "Place"]

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "missing"})()
"""What is found where nothing is."""

Part = Literal["event", "message", "key", "header", "timestamp"]

_OF_RECORD: dict[str, Part] = {"$key": "key", "$timestamp": "timestamp"}
_HEADER, _MESSAGE = "$header.", "$message."


class Envelope(NamedTuple):
    """What a record says beside its value.

    Parameters
    ----------
    key : bytes or None
        Its key.
    ts : float
        Its time in epoch seconds; infinite where it has none.
    headers : iterable of (name, value)
        Its headers; the last of a name counts.
    """

    key: bytes | None = None
    ts: float = float("inf")
    headers: Iterable[Header] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of an event is.

    Parameters
    ----------
    part : str
        ``event``, ``message`` (what an event is an element of), or ``key``, ``header`` or ``timestamp`` of the record.
    path : tuple of str
        Names from the outside to the inside; the position of an element of a list is a number. Of a header, its name.

    Examples
    --------
    >>> Place.parse("machine.id").find({"machine": {"id": "p1"}})
    'p1'
    >>> Place.parse("$key").find({}, envelope=Envelope(key=b"p1"))
    'p1'
    >>> Place.parse(["machine.id"]).find({"machine.id": "p1"})
    'p1'
    """

    part: Part
    path: tuple[str, ...] = ()

    @classmethod
    def parse(cls, said: str | Sequence[str]) -> Self:
        """Read a place as the settings have it: a dotted path, ``"."``, a list of names, or a part of the record.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        if not isinstance(said, str):
            return cls("event", tuple(said))
        if said == ".":
            return cls("event")
        if said in _OF_RECORD:
            return cls(_OF_RECORD[said])
        if said.startswith(_HEADER) and len(said) > len(_HEADER):
            return cls("header", (said.removeprefix(_HEADER),))
        part: Part = "message" if said.startswith(_MESSAGE) else "event"
        path = tuple(said.removeprefix(_MESSAGE).split("."))
        if not all(path):
            raise ValueError(
                f'{said[:80]!r} is no path: expected names with dots between them, ".", "$key", "$timestamp" or '
                '"$header.NAME"; a name that has a dot itself is written as a list, ["a.b"]'
            )
        return cls(part, path)

    def __str__(self) -> str:
        if self.part in ("event", "message"):
            return ("" if self.part == "event" else _MESSAGE) + (".".join(self.path) or ".")
        return f"${self.part}" + "".join(f".{name}" for name in self.path)

    def find(self, event: Any, message: Any = MISSING, envelope: Envelope | None = None) -> Any:
        """Return what is there, or `MISSING`.

        Parameters
        ----------
        event : value
            The event, as it was decoded.
        message : value, optional
            What the event is an element of.
        envelope : Envelope, optional
            What the record says beside.
        """
        if self.part in {"event", "message"}:
            found = event if self.part == "event" else message
            for name in self.path:
                found = _inside(found, name)
            return found
        envelope = envelope or Envelope()
        if self.part == "timestamp":
            return envelope.ts if envelope.ts < float("inf") else MISSING
        if self.part == "key":
            return _text(envelope.key)
        return _text(
            next((value for name, value in reversed(list(envelope.headers)) if name == self.path[0]), None)
        )


def _inside(found: Any, name: str) -> Any:
    if isinstance(found, dict):
        return found.get(name, MISSING)
    if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
        return found[int(name)]
    return MISSING


def _text(raw: bytes | None) -> Any:
    """Return the text of a key or a header; bytes that are no text are as good as none."""
    try:
        return MISSING if raw is None else raw.decode()
    except UnicodeDecodeError:
        return MISSING
