"""What is said of causes to people: names of classes of queries instead of their hashes, seconds instead of logarithms."""

import math
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from stream_app.core.platform import Cause, Episode
from stream_app.core.platform.explanation import explain
from stream_app.core.platform.graph import CallGraph

__all__ = ["Wording"]

_LOG = "log_"
_LONGEST = 80
_METRICS = {
    "count": "queries in a window",
    "wall": "wall time (s)",
    "cpu": "CPU time (s)",
    "queued": "time in the queue (s)",
    "failures": "share of failures",
    "reporting": "share of series that report",
}


class Wording:
    """Words for causes.

    Parameters
    ----------
    patterns : mapping of str to str
        Class of queries to its shape.
    timezone : str
        Of the times of day that are told.

    Examples
    --------
    >>> cause = Cause("query class", "9f3a", 0.7, 60.0, "log_wall", 0.0, 2.0)
    >>> wording = Wording({"9f3a": "select ? from orders"})
    >>> wording.name(cause), wording.metric(cause.metric), [round(value, 3) for value in wording.figures(cause)]
    ('select ? from orders', 'wall time (s)', [1.0, 7.389])
    """

    def __init__(self, patterns: Mapping[str, str], timezone: str = "UTC") -> None:
        self._patterns = patterns
        self._zone = ZoneInfo(timezone)

    def name(self, cause: Cause) -> str:
        """Return the name of a cause; of a class of queries, its shape."""
        if cause.kind != "query class":
            return cause.name
        return (self._patterns.get(cause.name) or cause.name)[:_LONGEST]

    def metric(self, metric: str) -> str:
        """Return the name of a metric."""
        plain = metric.removeprefix(_LOG)
        return _METRICS.get(plain, metric)

    def figures(self, cause: Cause) -> tuple[float | None, float | None]:
        """Return the values before and now; None where one is not known."""
        before, now = (
            math.exp(value) if cause.metric.startswith(_LOG) and math.isfinite(value) else value
            for value in (cause.before, cause.now)
        )
        return _known(before), _known(now)

    def summary(self, causes: Sequence[Cause]) -> str:
        """Return one line that names the first cause, with figures.

        Examples
        --------
        >>> Wording({}).summary([Cause("node", "worker-3", 0.8, 60.0, "node_load1", 2.0, 19.5)])
        'worker-3: node_load1 rose from 2 to 19.5'
        """
        first = causes[0]
        name = (
            f"{first.kind} {self.name(first)}" if first.kind in ("group", "query class") else self.name(first)
        )
        before, now = self.figures(first)
        if not first.metric or now is None:
            return name
        metric = self.metric(first.metric)
        if before is None:
            return f"{name}: {metric} is {now:.3g}"
        return f"{name}: {metric} {'rose' if now > before else 'fell'} from {before:.3g} to {now:.3g}"

    def explanation(self, causes: Sequence[Cause], episode: Episode, graph: CallGraph | None) -> str:
        """Return a paragraph."""
        return explain(causes, episode, graph=graph, patterns=self._patterns, zone=self._zone)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
