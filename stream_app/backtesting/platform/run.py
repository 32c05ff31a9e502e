"""The run of a backtest of platforms: records in, what a worker would tell out, and the windows for a comparison of models."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from stream_app.backtesting.episodes import AlertEpisode, episodes_of
from stream_app.backtesting.incidents import IncidentEpisode, incidents_of, last_states
from stream_app.backtesting.platform.comparison import Comparison, compare_models
from stream_app.backtesting.platform.registering import register_classifiers
from stream_app.backtesting.verdict import nearly_nothing
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.platform import Series, WindowResult
from stream_app.core.platform.window_features import window_features
from stream_app.errors import DataError
from stream_app.events import Alert, MetricSample, PlatformDecoder, Rejected
from stream_app.model_registry import ModelRegistry, RegisteredVersion
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.settings import PlatformStream

__all__ = ["PlatformBacktest", "PlatformWindows"]

TRUTH_NAMES = frozenset({"anomaly", "label"})
"""Metrics that are the truth where nothing is said."""


@dataclass(slots=True)
class PlatformWindows:
    """The windows of one platform as they closed.

    Parameters
    ----------
    ends, scores, thresholds : list of float
    open : list of bool
        Whether an incident was open.
    features : list of ndarray
        As `window_features` gives them; none where no models are compared.
    truth : dict of int to bool
        Whether the truth says of a window, by its number, that there was an incident.
    """

    ends: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    open: list[bool] = field(default_factory=list)
    features: list[FloatArray] = field(default_factory=list)
    truth: dict[int, bool] = field(default_factory=dict)


class PlatformBacktest:
    """Run the monitor of a stream of platforms over records, and keep what it tells.

    The monitor is the one that a worker runs, fed from memory in place of Kafka. Records may come in pieces of any size,
    with the same result. Samples of the metric that is the truth never reach the monitor.

    Parameters
    ----------
    config : PlatformStream
        Settings of the stream.
    name : str
        Name of the stream.
    truth : str, optional
        The metric that says by another value than 0 that there is an incident; by default ``anomaly`` or ``label``.
    features : bool
        Whether the windows are kept for a comparison of models.

    Examples
    --------
    >>> backtest = PlatformBacktest(PlatformStream(window=60.0, lateness=0.0))
    >>> record = '{"ts": %d, "samples": [{"name": "node_load1", "labels": {"instance": "a"}, "value": 1}]}'
    >>> backtest.update([(record % ts).encode() for ts in range(0, 300, 30)])
    >>> backtest.records, len(backtest.windows["platform"].ends), backtest.alerts
    (10, 4, [])
    """

    def __init__(
        self,
        config: PlatformStream,
        *,
        name: str = "platform",
        truth: str | None = None,
        features: bool = False,
    ) -> None:
        self.name = name
        self.config = config
        self.records = 0
        """Records taken so far."""
        self.rows = 0
        """Samples, queries and changes in them that the monitor was given."""
        self.seconds = 0.0
        """Time spent in the decoder and the monitor."""
        self.alerts: list[Alert] = []
        """Alerts that began or ended so far, in the order of the records."""
        self.refused: Counter[str] = Counter()
        """Rows that a worker would put to the dead letters, by reason."""
        self.first_refusals: dict[str, str] = {}
        """The first row that was refused for each reason, and why."""
        self.windows: dict[str, PlatformWindows] = {}
        """Of each platform, its windows."""
        self._truth: Collection[str] = TRUTH_NAMES if truth is None else {truth}
        self._features = features
        self._decoder = PlatformDecoder(config.platform or name)
        self._monitor = PlatformMonitor(config, name=name, watch=self._watch)

    def update(self, records: Sequence[bytes]) -> None:
        """Take the next records of the input, as they are on the wire."""
        begin = perf_counter()
        arrivals = Arrivals()
        for offset, rows in enumerate(self._decoder.decode(records), start=self.records):
            if isinstance(rows, Rejected):
                self._refuse(rows.reason.value, offset, rows.message)
                continue
            for row in rows:
                if isinstance(row, MetricSample) and row.name in self._truth:
                    truth = self.windows.setdefault(row.source, PlatformWindows()).truth
                    number = int(row.ts // self.config.window)
                    truth[number] = truth.get(number, False) or row.value != 0.0
                    continue
                arrivals.rows.append(row)
                arrivals.offsets.append(offset)
                # The files have no time of their own at which their records came.
                arrivals.record_ts.append(row.ts)
        self.records += len(records)
        self.rows += len(arrivals.rows)
        for outcome in self._monitor.take(arrivals) if arrivals.rows else ():
            self.alerts += outcome.alerts
            for refusal in outcome.refusals:
                self._refuse(refusal.reason.value, refusal.offset, refusal.message)
        self.seconds += perf_counter() - begin

    def episodes(self) -> list[AlertEpisode]:
        """Return the alerts so far from beginning to end, in the order in which they began."""
        return episodes_of(self.alerts)

    def incidents(self) -> list[IncidentEpisode]:
        """Return the incidents so far with their alerts, in the order in which they began."""
        return incidents_of(self.episodes(), last_states(self.alerts))

    def truth(self, source: str) -> BoolArray | None:
        """Return of each window of a platform whether there was an incident; None where the truth is not known."""
        windows = self.windows[source]
        if not windows.truth:
            return None
        length = self.config.window
        return np.array(
            [windows.truth.get(round(end / length) - 1, False) for end in windows.ends], dtype=bool
        )

    def unjudged(self, left_out: Mapping[str, int]) -> str | None:
        """Return why nothing or nearly nothing was judged, and the remedy; None where enough was.

        Parameters
        ----------
        left_out : mapping of str to int
            Rows of the files that are no records, by reason.
        """
        if self.refused.total() + sum(left_out.values()) > self.rows:
            return nearly_nothing(self.refused, left_out, self.first_refusals)
        longest = max((len(one.ends) for one in self.windows.values()), default=0)
        if longest <= self.config.warmup:
            return (
                f"nothing was judged: the first {self.config.warmup:,} windows of {self.config.window:g} s are learned from, "
                f"and there are {longest:,} at most; give more data, or set fewer with --warmup"
            )
        return None

    def comparisons(self) -> dict[str, Comparison]:
        """Return the models side by side over the windows of each platform.

        Windows of the warm-up, in which the detector knows no deviation, are left out.
        """
        return {
            source: compare_models(
                np.array(windows.features),
                self.truth(source),
                detector=np.array(windows.open, dtype=bool),
            )
            for source, windows in self.windows.items()
            if windows.features
        }

    def register(self, registry: ModelRegistry, name: str, source: str) -> list[RegisteredVersion]:
        """Register the classifiers of the only platform there is; see `register_classifiers`.

        Parameters
        ----------
        registry : ModelRegistry
        name : str
            Of the registered model.
        source : str
            Where the records came from.

        Raises
        ------
        DataError
            If there are several platforms, or no truth to learn from.
        """
        kept = [platform for platform, windows in self.windows.items() if windows.features]
        if len(kept) != 1:
            raise DataError(f"the records are of {len(kept)} platforms; classifiers of one are registered")
        labels, windows = self.truth(kept[0]), self.windows[kept[0]]
        if labels is None:
            raise DataError("no labels to learn from; name their metric with --label-column")
        return register_classifiers(
            registry, name, np.array(windows.features), labels, windows.ends, source=source
        )

    def _watch(self, source: str, series: Sequence[Series], result: WindowResult) -> None:
        windows = self.windows.setdefault(source, PlatformWindows())
        windows.ends.append(result.end)
        windows.scores.append(result.score)
        windows.thresholds.append(result.threshold)
        windows.open.append(result.open)
        if self._features:
            windows.features.append(window_features(series, result.deviations))

    def _refuse(self, reason: str, offset: int, message: str) -> None:
        self.refused[reason] += 1
        self.first_refusals.setdefault(reason, f"record {offset + 1}: {message}")
