"""Records of a delivery as events of a kind of stream, and what could not be decoded."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stream_app.events import ReadingDecoder, Rejected
from stream_app.monitors.base import Delivery

__all__ = ["Decode", "Decoded", "readings", "record_times"]


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
            record_times(records),
        )
        bad = [False] * len(records)
        for place, _ in rejected:
            bad[place] = True
        return Decoded(events, [(records[place], why) for place, why in rejected], bad)

    return decode


def record_times(records: list[Any]) -> list[float]:
    """Return the times of records in epoch seconds."""
    # Very old records have no time of their own: nothing then is too far in the future.
    return [record.timestamp / 1000.0 if record.timestamp >= 0 else math.inf for record in records]
