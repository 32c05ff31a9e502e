"""History of one platform for charts: what its groups of metrics deviate by, window by window."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.bank import Bank
from stream_app.core.history import ClosedBuckets, history_layout
from stream_app.core.history.recorder import HistoryRecorder

__all__ = ["PlatformHistory"]

_ROOM = 8
"""A platform has a buffer of its own, which shall be small."""


class PlatformHistory:
    """Gathers the windows of a platform into buckets.

    Parameters
    ----------
    source : str
        Name of the platform.
    channels : tuple of str
        Names of the groups.
    """

    def __init__(self, source: str, channels: tuple[str, ...]) -> None:
        self._source = source
        self._recorder = HistoryRecorder(channels, room=_ROOM)
        self._bank = Bank(history_layout(len(channels)))
        self._slot = self._bank.add(source)

    def update(self, end: float, deviations: FloatArray, score: float) -> list[ClosedBuckets]:
        """Take a window, and return the buckets that it closed."""
        return self._recorder.record(
            self._bank,
            [self._source],
            np.array([self._slot]),
            np.array([end]),
            deviations[None],
            np.array([score]),
        )

    def open(self) -> list[ClosedBuckets]:
        """Return the open bucket as it is now."""
        return [self._recorder.open(self._bank, [self._source])]

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {"layout": self._bank.fingerprint, "record": self._bank.record(self._source)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; it begins anew where its layout is another one."""
        if state["layout"] == self._bank.fingerprint:
            self._bank.restore(self._source, state["record"])
