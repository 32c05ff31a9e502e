"""History of one model for charts: what its predictions and labels say, event by event."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.bank import Bank
from stream_app.core.history import ClosedBuckets, history_layout
from stream_app.core.history.recorder import HistoryRecorder
from stream_app.monitors.predictions.columns import PredictionColumns
from stream_app.monitors.predictions.outcome import PredictionBatch
from stream_app.monitors.predictions.performance import Judgement
from stream_app.settings.predictions import PredictionStream

__all__ = ["ModelHistory"]

_SERVICE = ("failures", "latency")
"""Channels beside those of the performance. Means over time are the share of failures and the mean latency in seconds; of the
performance the share of right ones among the labels that came then and their mean confidence, or mean absolute error and
mean error. A model has no score."""

_ROOM = 8
"""A model has a buffer of its own, which shall be small."""


class ModelHistory:
    """Gathers the events of a model into buckets.

    Parameters
    ----------
    source : str
        Name of the model.
    config : PredictionStream
        Settings of the stream.
    channels : tuple of str
        Names of the figures of its performance.
    """

    def __init__(self, source: str, config: PredictionStream, channels: tuple[str, ...]) -> None:
        self._source = source
        self._figures = len(channels)
        channels = channels + _SERVICE
        self._recorder = HistoryRecorder(channels, room=_ROOM) if config.history else None
        self._bank = Bank(history_layout(len(channels)))
        self._slot = self._bank.add(source)

    def update(
        self,
        begin: int,
        end: int,
        batch: PredictionBatch,
        predictions: PredictionColumns,
        judgement: Judgement,
    ) -> list[ClosedBuckets]:
        """Take the events of a batch from one place to another, and return the buckets that they closed."""
        if self._recorder is None:
            return []
        values = np.full((end - begin, self._figures + len(_SERVICE)), np.nan)
        values[judgement.row - begin, : self._figures] = judgement.figures
        values[predictions.row - begin, -2] = predictions.failed
        values[predictions.row - begin, -1] = predictions.latency
        n = len(values)
        slots, names = np.full(n, self._slot), [self._source] * n
        return self._recorder.record(self._bank, names, slots, batch.ts[begin:end], values, np.zeros(n))

    def open(self) -> list[ClosedBuckets]:
        """Return the open bucket as it is now."""
        return [] if self._recorder is None else [self._recorder.open(self._bank, [self._source])]

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {"layout": self._bank.fingerprint, "record": self._bank.record(self._source)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; it begins anew where its layout is another one."""
        if state["layout"] == self._bank.fingerprint:
            self._bank.restore(self._source, state["record"])
