"""Records of a delivery as events of a kind of stream, and what could not be decoded."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from stream_app.events import PredictionRow, ReadingDecoder, Rejected, decode_predictions
from stream_app.monitors.base import Delivery
from stream_app.monitors.predictions import Arrivals as Answers

__all__ = ["Decode", "Decoded", "predictions", "readings"]


@dataclass(slots=True)
class Decoded:
    """A batch after decoding.

    Parameters
    ----------
    events : Delivery
        The valid ones.
    rejected : list of (record, Rejected)
        The others.
    bad : list of bool
        For each record in order, whether it was rejected.
    """

    events: Delivery
    rejected: list[tuple[Any, Rejected]]
    bad: list[bool]


Decode = Callable[[list[Any]], Decoded]
"""Decodes and validates records."""


def readings() -> Decode:
    """Make what decodes readings of sensors; it remembers the channels that each source names."""
    decoder = ReadingDecoder()

    def decode(records: list[Any]) -> Decoded:
        events, rejected = decoder.decode(
            [record.value for record in records],
            [record.key for record in records],
            [record.offset for record in records],
            _times(records),
        )
        bad = [False] * len(records)
        for place, _ in rejected:
            bad[place] = True
        return Decoded(events, [(records[place], why) for place, why in rejected], bad)

    return decode


def predictions(records: list[Any]) -> Decoded:
    """Decode answers of models, and the truth about them."""
    rows = decode_predictions([record.value for record in records])
    bad = [type(row) is Rejected for row in rows]
    rejected = [(record, row) for record, row in zip(records, rows, strict=True) if isinstance(row, Rejected)]
    good = [place for place, is_bad in enumerate(bad) if not is_bad]
    times = _times(records)
    answers = Answers(
        [cast(PredictionRow, rows[place]) for place in good],
        [records[place].offset for place in good],
        [times[place] for place in good],
    )
    return Decoded(answers, rejected, bad)


def _times(records: list[Any]) -> list[float]:
    # Very old records have no time of their own: nothing then is too far in the future.
    return [record.timestamp / 1000.0 if record.timestamp >= 0 else math.inf for record in records]
