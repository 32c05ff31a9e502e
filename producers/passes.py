"""Going round: a source again and again, each pass later than the one before; and an end after so many events."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from producers.batch import Batch, Source
from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_TS

__all__ = ["after", "limited", "looped"]

B = TypeVar("B", bound=Batch)


def looped(source: Source) -> Iterator[Batch]:
    """Replay a source without end, event time shifted so that every pass follows the one before.

    Between the last event of a pass and the first of the next lies the usual step between two moments of the
    source.

    Raises
    ------
    SourceError
        When the source has no events, or event time would pass the year 2099.
    """
    shift = 0.0
    while True:
        low, high, step = np.inf, -np.inf, 1.0
        for batch in source.batches():
            if not len(batch):
                continue
            if not np.isfinite(low):
                moved = np.diff(np.unique(batch.ts))
                step = float(np.median(moved)) if len(moved) else 1.0
            low, high = min(low, float(batch.ts.min())), max(high, float(batch.ts.max()))
            if high + shift >= MAX_TS:
                raise SourceError("--loop: event time has reached the year 2100; stop earlier with --limit")
            yield batch.shifted(shift) if shift else batch
        if not np.isfinite(low):
            raise SourceError("--loop: the source has no events")
        shift += high - low + step


def after(count: int, batches: Iterator[B]) -> Iterator[B]:
    """Begin after `count` events."""
    left = count
    for batch in batches:
        if left < len(batch):
            yield batch.take(slice(left, None)) if left else batch
        left = max(0, left - len(batch))


def limited(batches: Iterator[B], limit: int | None) -> Iterator[B]:
    """End after `limit` events; None does not end."""
    left = limit
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left:
            yield batch.take(slice(left)) if len(batch) > left else batch
        left -= len(batch)
        if left <= 0:
            return
