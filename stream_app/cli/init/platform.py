"""What the newest events of a topic say of a data platform, and the settings that fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_app.backtesting.proposal import Setting, toml_value
from stream_app.backtesting.show import duration
from stream_app.core.platform.metric_groups import MetricMeaning, MetricRules
from stream_app.core.platform.series import WHOLE, Series
from stream_app.events import MetricSample, PlatformDecoder, Rejected
from stream_app.events.platform import PlatformRow, QueryCompletion
from stream_app.settings import PlatformStream
from stream_app.tables.columns import listed

__all__ = ["PlatformLook", "look_at_platform"]

_WORDS = (b'"samples"', b'"labels"', b"queryId", b'"change"')
"""What a record of a data platform has one of."""


@dataclass(frozen=True, slots=True)
class PlatformLook:
    """What the newest events of a topic are.

    Parameters
    ----------
    topic : str
    platforms, nodes : tuple of str
    series, queries, changes, rejected : int
        How many there are.
    period : float or None
        Seconds between two samples of a series, where some has two.
    """

    topic: str
    platforms: tuple[str, ...]
    nodes: tuple[str, ...]
    series: int
    queries: int
    changes: int
    rejected: int
    period: float | None

    @property
    def settings(self) -> list[Setting]:
        """Settings that fit, each with its reason."""
        usual = PlatformStream()
        window = max(usual.window, 0.0 if self.period is None else float(np.ceil(self.period / 60.0) * 60.0))
        why = "as long as two samples of a series are apart, at least" if self.period else "the usual length"
        windows = max(192, round(86_400.0 / window))
        return [
            ("kind", toml_value("platform"), "metrics, queries or changes of a data platform"),
            ("topic", toml_value(self.topic), "where the events are"),
            ("window", toml_value(f"{window:g}s"), why),
            ("warmup", str(windows), f"windows that it learns from: {duration(windows * window)}"),
            ("budget", toml_value(usual.budget), "false alarms, over all platforms and metrics"),
            *self._more_platforms,
        ]

    @property
    def _more_platforms(self) -> list[Setting]:
        count = len(self.platforms)
        return [("expected_sources", str(count), "they share the budget")] if count > 1 else []

    @property
    def notes(self) -> list[str]:
        """What was found, in sentences."""
        every = "" if self.period is None else f", a sample of each every {duration(self.period)}"
        found = (
            f"{self.series:,} series of {len(self.nodes):,} nodes ({listed(list(self.nodes))}){every}; {self.queries:,} queries, "
            f"{self.changes:,} changes."
        )
        return [found, *([f"{self.rejected:,} more events cannot be read."] if self.rejected else [])]


def look_at_platform(topic: str, values: Sequence[bytes]) -> PlatformLook | None:
    """Say what is in the values of some records; None where most are of no platform.

    A number with a name alone may as well be a sensor's.

    Examples
    --------
    >>> scrape = b'{"source": "lake", "ts": %d, "samples": [{"name": "node_load1", "labels": {"instance": "w1"}, "value": 1.0}]}'
    >>> look = look_at_platform("platform.events", [scrape % ts for ts in (1770000000, 1770000300)])
    >>> look.nodes, look.period, dict((name, value) for name, value, _ in look.settings)["window"]
    (('w1',), 300.0, '"300s"')
    """
    told = [value for value in values if any(word in value for word in _WORDS)]
    records = PlatformDecoder("platform").decode(told)
    good = [rows for rows in records if not isinstance(rows, Rejected)]
    if 2 * len(good) <= len(values):
        return None
    rows: list[PlatformRow] = [row for some in good for row in some]
    samples = [row for row in rows if isinstance(row, MetricSample)]
    queries = sum(isinstance(row, QueryCompletion) for row in rows)
    times: dict[tuple[object, ...], list[float]] = {}
    for row in samples:
        times.setdefault((row.source, row.name, row.labels), []).append(row.ts)
    rules = MetricRules()
    meanings = (
        rules.read(name, labels)
        for _, name, labels in dict.fromkeys((0, row.name, row.labels) for row in samples)
    )
    watched = [one.series for one in meanings if isinstance(one, MetricMeaning)]
    gaps = np.concatenate([np.zeros(0), *(np.diff(sorted(set(some))) for some in times.values())])
    return PlatformLook(
        topic,
        tuple(dict.fromkeys(row.source for row in rows)),
        _nodes(watched),
        len(times),
        queries,
        len(rows) - len(samples) - queries,
        len(values) - len(good),
        float(np.median(gaps)) if len(gaps) else None,
    )


def _nodes(watched: Sequence[Series]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.node for one in watched if one.node != WHOLE))
