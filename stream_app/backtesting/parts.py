"""One source's share of a block: its rows, what was said of them, and the truth."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.events import Alert
from stream_app.monitors.sensors import EventScores, Outcome
from stream_app.tables import InputRows

__all__ = ["SourcePart", "by_source"]


@dataclass(frozen=True, slots=True)
class SourcePart:
    """Rows of one source.

    Parameters
    ----------
    name : str
        The source.
    ts : array, shape (n,)
        Event times.
    channels : tuple of str
        Names of the columns of `values`.
    values : array, shape (n, d)
        Readings; NaN where there is none.
    scores : EventScores
        What was said of each row.
    begun : list of (row, Alert)
        Alerts that began, with their rows among these n.
    refused : mapping of int to str
        Rows that were refused, each with the reason; the others are accepted.
    anomaly, changepoint : array of bool, shape (n,), or None
        Labels of the rows; None where the table has none.
    """

    name: str
    ts: FloatArray
    channels: tuple[str, ...]
    values: FloatArray
    scores: EventScores
    begun: list[tuple[int, Alert]]
    refused: Mapping[int, str]
    anomaly: BoolArray | None
    changepoint: BoolArray | None

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def accepted(self) -> BoolArray:
        """Which rows the monitor took."""
        taken = np.ones(len(self), dtype=np.bool_)
        taken[list(self.refused)] = False
        return taken


def by_source(rows: InputRows, judged: Outcome, first: int) -> Iterator[SourcePart]:
    """Cut a block into its sources, in the order of their first rows; `first` is the block's first row in the input."""
    begun: defaultdict[int, list[tuple[int, Alert]]] = defaultdict(list)
    for alert in judged.alerts:
        if alert.begins:
            row = alert.changed_offset - first
            begun[int(rows.source[row])].append((row, alert))
    refused: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for refusal in judged.refusals:
        row = refusal.offset - first
        refused[int(rows.source[row])].append((row, refusal.reason.value))
    scores = judged.scores
    for code in dict.fromkeys(rows.source.tolist()):
        mine = np.flatnonzero(rows.source == code)
        yield SourcePart(
            rows.names[code],
            rows.ts[mine],
            rows.channels,
            rows.values[mine],
            EventScores(
                scores.score[mine], scores.anomaly[mine], scores.changepoint[mine], scores.drift[mine]
            ),
            [(int(np.searchsorted(mine, row)), alert) for row, alert in begun[code]],
            {int(np.searchsorted(mine, row)): reason for row, reason in refused[code]},
            None if rows.anomaly is None else rows.anomaly[mine],
            None if rows.changepoint is None else rows.changepoint[mine],
        )
