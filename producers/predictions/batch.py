"""Prediction events on their way to Kafka."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from producers.batch import Rows
from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME

__all__ = ["Body", "PredictionEvents", "as_bodies"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Body: TypeAlias = Mapping[str, Any]
"""An event without its source and time, as it goes on the wire; it has an ``id``."""


@dataclass(frozen=True, slots=True)
class PredictionEvents:
    """What models answered, and what was true.

    Parameters
    ----------
    names : tuple of str
        Names of the models.
    source : ndarray of int (n,)
        Index into `names`.
    ts : ndarray (n,)
        Event time, epoch seconds.
    bodies : ndarray of Body (n,)

    Examples
    --------
    >>> batch = PredictionEvents(
    ...     ("digits",), np.array([0]), np.array([10.0]), as_bodies([{"id": "a:1", "prediction": "7"}])
    ... )
    >>> batch.encode()
    [b'{"source":"digits","ts":10.0,"id":"a:1","prediction":"7"}']
    """

    names: tuple[str, ...]
    source: IntArray
    ts: FloatArray
    bodies: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Rows) -> Self:
        """Return some of the events, in order."""
        return replace(self, source=self.source[rows], ts=self.ts[rows], bodies=self.bodies[rows])

    def shifted(self, seconds: float) -> Self:
        """Return the same events later: other ones, hence of other ids.

        Raises
        ------
        SourceError
            When an id is too long to be told apart.
        """
        later = [{**body, "id": f"{body['id']}+{seconds}"} for body in self.bodies.tolist()]
        if any(len(body["id"]) > MAX_NAME for body in later):
            raise SourceError(
                f"--loop: an id is too long to be told apart in each pass: {MAX_NAME} characters in all"
            )
        return replace(self, ts=self.ts + seconds, bodies=as_bodies(later))

    def encode(self) -> list[bytes]:
        """Return each event as compact JSON, the wire form of `stream_app.events.PredictionEvent`."""
        encode = msgspec.json.Encoder().encode
        names = [self.names[code] for code in self.source.tolist()]
        rows = zip(names, self.ts.tolist(), self.bodies.tolist(), strict=True)
        return [encode({"source": name, "ts": ts, **body}) for name, ts, body in rows]


def as_bodies(bodies: Sequence[Body]) -> npt.NDArray[np.object_]:
    """Return a column of bodies."""
    column = np.empty(len(bodies), dtype=np.object_)
    for row, body in enumerate(bodies):
        column[row] = body
    return column
