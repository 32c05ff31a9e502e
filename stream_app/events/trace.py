"""W3C Trace Context: by which trace an event came, as its producer's headers say."""

import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from stream_app.events.dead_letter import Header

__all__ = ["TraceContext"]

_PARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_KEY = r"[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_MEMBER = re.compile(rf"(?:{_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MOST_MEMBERS = 32
_LONGEST_STATE = 512
_LONGEST_PARENT = 512
"""Of a later version of the specification, which may add fields; in bytes."""


class TraceContext(BaseModel):
    """The trace that an event belongs to.

    Parameters
    ----------
    traceparent : str
        Trace, span and flags, 55 characters.
    tracestate : str
        What tracing systems add; empty where they add nothing.

    References
    ----------
    W3C Recommendation, Trace Context, 2021. CloudEvents 1.0, extension Distributed Tracing.
    """

    model_config = ConfigDict(frozen=True)

    traceparent: str
    tracestate: str = ""

    @classmethod
    def of(cls, headers: Iterable[Header]) -> "TraceContext | None":
        """Read it from the headers of a record.

        Parameters
        ----------
        headers : iterable of (str, bytes or None)
            Anybody may have written them. Of two with one name the last counts: whoever sends a record on appends its own.

        Returns
        -------
        TraceContext or None
            None where there is none, or not as the specification has it. A wrong ``tracestate`` is left out.

        Examples
        --------
        >>> parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        >>> TraceContext.of([("traceparent", parent), ("tracestate", b"congo=t61")])
        TraceContext(traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate='congo=t61')
        >>> TraceContext.of([("traceparent", parent), ("tracestate", b"<b>")]).tracestate
        ''
        >>> TraceContext.of([("traceparent", b"00-" + b"0" * 32 + parent[35:])]) is None
        True
        """
        found = dict(headers)
        raw = found.get("traceparent") or b""
        match = _PARENT.fullmatch(raw) if len(raw) <= _LONGEST_PARENT else None
        if match is None or (match[1] == b"00" and match[5] is not None):
            return None
        # What a later version adds is not known, so what is passed on is of the first.
        parent = b"-".join((b"00", *match.groups()[1:4])).decode()
        return cls(traceparent=parent, tracestate=_state(found.get("tracestate") or b""))

    def attributes(self) -> dict[str, str]:
        """Return it by the names that headers and CloudEvents have for it."""
        return {name: value for name, value in self.model_dump().items() if value}


def _state(raw: bytes) -> str:
    """Return a ``tracestate`` without spaces between its members; empty where it is wrong."""
    if len(raw) > _LONGEST_STATE or not raw.isascii():
        return ""
    members = [member.strip(" \t") for member in raw.decode().split(",")]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    if len(keys) < len(members) or len(members) > _MOST_MEMBERS or not all(map(_MEMBER.fullmatch, members)):
        return ""
    return ",".join(members)
