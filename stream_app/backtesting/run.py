"""The run of a backtest: rows in, judgement and figures out."""

from collections.abc import Callable
from time import perf_counter

from stream_app.backtesting.episodes import AlertEpisode, episodes_of
from stream_app.backtesting.figures import Figures, measure
from stream_app.backtesting.parts import SourcePart, by_source
from stream_app.backtesting.tally import SourceTally
from stream_app.events import Alert, Readings
from stream_app.monitors.sensors import Outcome, SensorMonitor
from stream_app.settings import SensorStream
from stream_app.tables import InputRows

__all__ = ["Backtest"]


class Backtest:
    """Run the monitor of a stream over rows and measure how it does.

    The monitor is the one that a worker runs, fed from memory in place of Kafka. Rows may come in blocks of any size:
    what is kept are the states of the sources, counts, and the moments of alerts and true events.

    Parameters
    ----------
    config : SensorStream
        Settings of the stream.
    watch : callable, optional
        Called with each source's part of each block, after it was counted; for reports.
    reference : Readings, optional
        Normal operation of one source, from which each source's detectors learn before its first row.
    name : str
        Name of the stream.

    Examples
    --------
    >>> import numpy as np
    >>> flow = np.random.default_rng(7).normal(32.0, 0.4, size=(1200, 1))
    >>> flow[900:1000] -= 3.0
    >>> truth = (np.arange(1200) >= 900) & (np.arange(1200) < 1000)
    >>> backtest = Backtest(SensorStream(channels=("flow",)))
    >>> judged = backtest.update(InputRows.of("pump-1", np.arange(1200.0), ("flow",), flow, anomaly=truth))
    >>> bool(judged.scores.anomaly[950]), backtest.figures().delays.missed
    (True, 0)
    """

    def __init__(
        self,
        config: SensorStream,
        watch: Callable[[SourcePart], None] | None = None,
        reference: Readings | None = None,
        *,
        name: str = "sensors",
    ) -> None:
        self.name = name
        self.config = config
        self._reference = reference
        self.seconds = 0.0
        """Time spent in the monitor."""
        self.rows = 0
        """Rows taken so far."""
        self.first_refusals: dict[str, str] = {}
        """Message of the first row that was refused for each reason."""
        self._alerts: list[Alert] = []
        self._watch = watch
        self._monitor = SensorMonitor(config, reference, name=name)
        self._tallies: dict[str, SourceTally] = {}

    def update(self, rows: InputRows) -> Outcome:
        """Take the next rows of the input.

        Returns
        -------
        Outcome
            Scores in the order of the rows; alerts whose offsets count the rows of the whole input from 0.
        """
        begin = perf_counter()
        judged = self._monitor.update(rows.readings(self.rows))
        self.seconds += perf_counter() - begin
        self._alerts += judged.alerts
        for refusal in judged.refusals:
            told = f"row {refusal.offset + 1}: {refusal.message}"
            self.first_refusals.setdefault(refusal.reason.value, told)
        for part in by_source(rows, judged, self.rows):
            self._tallies.setdefault(part.name, SourceTally(self.config.warmup)).update(part)
            if self._watch is not None:
                self._watch(part)
        self.rows += len(rows)
        return judged

    def forget(self) -> None:
        """Begin the next rows with a fresh monitor, as if no source had been seen; figures go on."""
        self._monitor = SensorMonitor(self.config, self._reference, name=self.name)

    def alerts(self) -> list[AlertEpisode]:
        """Return the alerts so far, in the order in which they began."""
        return episodes_of(self._alerts)

    def figures(self) -> Figures:
        """Return the figures so far, over all sources."""
        return measure(self._tallies.values())

    def figures_by_source(self) -> dict[str, Figures]:
        """Return the figures so far of each source, in the order of their first rows."""
        return {name: measure([tally]) for name, tally in self._tallies.items()}
