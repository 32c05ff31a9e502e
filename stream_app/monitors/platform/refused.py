"""What is told of refused samples: nodes whose clocks are wrong, and metrics with too many series."""

from collections.abc import Mapping
from typing import Any

from stream_app.core.platform.stored import stored_count, stored_number
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.core.watermark import AGREEING
from stream_app.monitors.refusals import REFUSED

__all__ = ["SERIES_DETECTOR", "RefusedNodes", "RefusedSeries"]

SERIES_DETECTOR = "quality.series"
"""Detector of metrics with more series than are kept."""

_CALM_WINDOWS = 10.0
"""Windows without a refused series after which there is room again."""


class RefusedNodes:
    """Nodes whose samples are refused for their times: told after so many scrapes in a row, until one counts.

    Examples
    --------
    >>> nodes = RefusedNodes()
    >>> told = [nodes.refused("worker-1", ts=60.0 * i, newest=900.0) for i in range(8)]
    >>> [signal.channel for signal in told if signal], nodes.counted("worker-1", 960.0).ended, bool(nodes)
    (['worker-1'], True, False)
    """

    def __init__(self) -> None:
        # Scrapes that were refused in a row, and the time of the last one.
        self._nodes: dict[str, tuple[int, float]] = {}

    def __bool__(self) -> bool:
        """Whether samples of some node were refused last."""
        return bool(self._nodes)

    def refused(self, node: str, ts: float, newest: float) -> Signal | None:
        """Take a refused sample, and return what is to be told."""
        count, last = self._nodes.get(node, (0, float("nan")))
        if ts == last:
            return None
        self._nodes[node] = count + 1, ts
        return _refused(node, count + 1, newest, behind=newest - ts) if count + 1 == AGREEING else None

    def counted(self, node: str, ts: float) -> Signal | None:
        """Take a sample that counts, or that a node is gone, and return what is to be told."""
        if node not in self._nodes:
            return None
        count, _ = self._nodes.pop(node)
        return _refused(node, count, ts, behind=None) if count >= AGREEING else None

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {node: list(one) for node, one in self._nodes.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`."""
        self._nodes = {
            str(node): (stored_count(count, "refusals"), stored_number(ts, "refusals"))
            for node, (count, ts) in state.items()
        }


class RefusedSeries:
    """Metrics for whose series there is no room: told once, until none was refused for a while.

    Examples
    --------
    >>> series = RefusedSeries()
    >>> series.refused("requests", 0.0, 100).detector, series.refused("requests", 1.0, 100)
    ('quality.series', None)
    >>> series.pass_time(120.0, 60.0), series.pass_time(660.0, 60.0).ended
    (None, True)
    """

    def __init__(self) -> None:
        self._count = 0
        self._last = 0.0

    def refused(self, metric: str, ts: float, most: int) -> Signal | None:
        """Take a refused sample, and return what is to be told."""
        self._count += 1
        self._last = max(ts, 0.0)
        return _exploded(self._last, most, metric) if self._count == 1 else None

    def pass_time(self, ts: float, window: float) -> Signal | None:
        """Return what is to be told at a time."""
        if not self._count or ts < self._last + _CALM_WINDOWS * window:
            return None
        count, self._count = self._count, 0
        return _exploded(ts, count, "", ended=True)

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {"count": self._count, "last": self._last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`."""
        self._count = stored_count(state["count"], "refusals")
        self._last = stored_number(state["last"], "refusals")


def _refused(node: str, count: int, ts: float, *, behind: float | None) -> Signal:
    return Signal(
        row=0, ts=ts, kind="quality", detector=REFUSED, channel=node, statistic=float(count), threshold=float(AGREEING),
        ended=behind is None, context=() if behind is None else (("seconds_behind", behind),),
    )  # fmt: skip


def _exploded(ts: float, statistic: float, metric: str, *, ended: bool = False) -> Signal:
    return Signal(
        row=0, ts=ts, kind="quality", detector=SERIES_DETECTOR, channel=WHOLE_SOURCE, statistic=float(statistic), threshold=0.0,
        ended=ended, contributions=((metric, 1.0),) if metric else (),
    )  # fmt: skip
