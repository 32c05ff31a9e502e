"""Truth that comes to light later: labels are taken out of their predictions and sent when they are due."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from producers.predictions.batch import PredictionEvents, as_bodies

__all__ = ["LabelDelay"]


class LabelDelay:
    """Sends each label so much later than its prediction, as an event of its own; the last ones at the end.

    Within a batch events come in the order of their times then.

    Parameters
    ----------
    seconds : float
        Of event time, from a prediction to its label.

    Examples
    --------
    >>> answer = {"id": "a", "prediction": "cat", "label": "dog"}
    >>> batch = PredictionEvents(("m",), np.array([0]), np.array([10.0]), as_bodies([answer]))
    >>> [event for part in LabelDelay(60.0)(iter([batch])) for event in part.encode()]
    [b'{"source":"m","ts":10.0,"id":"a","prediction":"cat"}', b'{"source":"m","ts":70.0,"id":"a","label":"dog"}']
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, str, dict[str, Any]]] = deque()
        self._newest = -np.inf

    def __call__(self, batches: Iterator[PredictionEvents]) -> Iterator[PredictionEvents]:
        """Return the events of all batches, and at the end the labels that are still due."""
        for batch in batches:
            yield self._apart(batch) if len(batch) else batch
        if self._waiting:
            nothing = PredictionEvents((), np.empty(0, dtype=np.int64), np.empty(0), as_bodies([]))
            yield self._joined(nothing, [])

    def _apart(self, batch: PredictionEvents) -> PredictionEvents:
        self._newest = max(self._newest, float(batch.ts.max()))
        names = [batch.names[code] for code in batch.source.tolist()]
        bodies = []
        for name, ts, body in zip(names, batch.ts.tolist(), batch.bodies.tolist(), strict=True):
            if "label" in body and "prediction" in body:
                self._waiting.append((ts + self._seconds, name, {"id": body["id"], "label": body["label"]}))
                bodies.append({key: cell for key, cell in body.items() if key != "label"})
            else:
                bodies.append(body)
        return self._joined(batch, bodies)

    def _joined(self, batch: PredictionEvents, bodies: list[Any]) -> PredictionEvents:
        due = []
        while self._waiting and (not bodies or self._waiting[0][0] <= self._newest):
            due.append(self._waiting.popleft())
        index = {name: code for code, name in enumerate(batch.names)}
        late = [index.setdefault(name, len(index)) for _, name, _ in due]
        ts = np.concatenate([batch.ts, [at for at, _, _ in due]])
        order = np.argsort(ts, kind="stable")
        source = np.concatenate([batch.source, np.array(late, dtype=np.int64)])
        all_bodies = as_bodies([*bodies, *(body for _, _, body in due)])
        return PredictionEvents(tuple(index), source[order], ts[order], all_bodies[order])
