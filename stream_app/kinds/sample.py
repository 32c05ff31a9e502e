"""What the newest records of a topic say when they are read as those of a stream: the eyes of ``streamgauge check`` and others."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stream_app.events import DecodedRows, Rejected, record_times

__all__ = ["ReadSample", "Sample", "sample_rows"]


@dataclass(frozen=True, slots=True)
class Sample:
    """Decoded records of a topic.

    Parameters
    ----------
    sources : list of str
        Source, or entity, of each event.
    ts, record_ts : list of float
        Time of each event, and of its record, in epoch seconds.
    rejected : list of (record, Rejected)
        Records that cannot be used, and why.
    channels : tuple of str
        Names of the values that occur.

    Examples
    --------
    >>> sample = Sample(["a", "b", "a", "a"], [0.0, 1.0, 10.0, 20.0], [2.0, 3.0, 12.0, 22.0])
    >>> sample.period, sample.delay, sample.newest, len(set(sample.sources))
    (10.0, 2.0, 20.0, 2)
    """

    sources: Sequence[str] = ()
    ts: Sequence[float] = ()
    record_ts: Sequence[float] = ()
    rejected: Sequence[tuple[Any, Rejected]] = ()
    channels: tuple[str, ...] = field(default=())

    @property
    def period(self) -> float | None:
        """Median time between two events of a source, in seconds; None where no source has two."""
        times: dict[str, set[float]] = {}
        for source, ts in zip(self.sources, self.ts, strict=True):
            times.setdefault(source, set()).add(ts)
        gaps = [np.diff(sorted(some)) for some in times.values() if len(some) > 1]
        return float(np.median(np.concatenate(gaps))) if gaps else None

    @property
    def delay(self) -> float | None:
        """Median time from an event to its record, in seconds; None where no record has a time."""
        known = np.isfinite(np.asarray(self.record_ts, dtype=np.float64))
        delays = (
            np.asarray(self.record_ts, dtype=np.float64)[known] - np.asarray(self.ts, dtype=np.float64)[known]
        )
        return float(np.median(delays)) if len(delays) else None

    @property
    def newest(self) -> float | None:
        """Time of the newest event."""
        return float(max(self.ts)) if len(self.ts) else None


ReadSample = Callable[[list[Any]], Sample]
"""Decodes records of a topic."""


def sample_rows(
    decode: Callable[[list[Any]], DecodedRows[Any]], parts: Callable[[Any], tuple[str, Iterable[str]]]
) -> ReadSample:
    """Return what makes a sample of records.

    Parameters
    ----------
    decode : callable
        Decodes them.
    parts : callable
        Returns the source of a row, and the names of its values.
    """

    def read(records: list[Any]) -> Sample:
        decoded, times = decode(records), record_times(records)
        found = list(map(parts, decoded.rows))
        return Sample(
            [source for source, _ in found],
            [row.ts for row in decoded.rows],
            [times[place] for place in decoded.places],
            [(records[place], why) for place, why in decoded.rejected],
            tuple(dict.fromkeys(name for _, names in found for name in names)),
        )

    return read
