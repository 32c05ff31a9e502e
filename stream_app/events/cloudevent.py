"""The envelope of published records: CloudEvents 1.0, structured JSON."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeAlias

import msgspec
from pydantic import BaseModel, Field

__all__ = ["MAX_INSTANT", "Enveloped", "EpochSeconds", "rfc3339"]

MAX_INSTANT = 253_402_300_800.0
"""The end of the year 9999 in epoch seconds: no calendar tells a later time."""

EpochSeconds: TypeAlias = Annotated[float, Field(ge=0.0, lt=MAX_INSTANT)]
"""A time that can be shown; neither NaN nor infinite."""


def rfc3339(at: float) -> str:
    """Return a time in epoch seconds as RFC 3339 has it, in UTC.

    Examples
    --------
    >>> rfc3339(1_700_000_000.5)
    '2023-11-14T22:13:20.500000Z'
    """
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


class Enveloped(BaseModel):
    """A record that is published in an envelope, as its `data`.

    Notes
    -----
    The attributes of the envelope are those of the CloudEvents specification, version 1.0.
    """

    @classmethod
    def from_cloudevent(cls, event: dict[str, Any]) -> Self:
        """Read the record from its envelope.

        Raises
        ------
        pydantic.ValidationError
            If `data` is something else.
        """
        return cls.model_validate(event.get("data"))

    def enveloped(self, kind: str, *, id: str, stream: str, subject: str, at: float) -> dict[str, Any]:  # noqa: A002 the envelope's own word
        """Put it into an envelope.

        Parameters
        ----------
        kind : str
            The type of the event.
        id : str
            The same for the same event, however often it is published.
        stream, subject : str
            The stream, and what in it the event is about.
        at : float
            When, in epoch seconds.
        """
        return {
            "specversion": "1.0",
            "id": id,
            "source": f"/streamgauge/{stream}",
            "type": kind,
            "subject": subject,
            "time": rfc3339(at),
            "datacontenttype": "application/json",
            "data": msgspec.json.decode(self.model_dump_json()),
        }
