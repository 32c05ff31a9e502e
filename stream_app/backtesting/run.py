"""The run of a backtest: rows in, judgement and figures out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from stream_app.backtesting.episodes import AlertEpisode, episodes_of
from stream_app.backtesting.figures import Figures, measure
from stream_app.backtesting.parts import SourcePart, by_source
from stream_app.backtesting.tally import SourceTally
from stream_app.events import Alert, Readings
from stream_app.monitors.sensors import Outcome, SensorMonitor
from stream_app.settings import SensorStream
from stream_app.tables import InputRows, InputTable

__all__ = ["Backtest", "JudgedBlock", "sweep"]


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


@dataclass(frozen=True, slots=True)
class JudgedBlock:
    """Some rows of a table and what the monitor made of them.

    Parameters
    ----------
    rows : InputRows
        The rows.
    times : sequence
        The cell with the time of each, as the table has it.
    outcome : Outcome
        What the monitor made of them.
    """

    rows: InputRows
    times: Sequence[Any]
    outcome: Outcome

    @property
    def sources(self) -> list[str]:
        """The source of each row."""
        return [self.rows.names[code] for code in self.rows.source.tolist()]


def sweep(backtest: Backtest, table: InputTable) -> Iterator[JudgedBlock]:
    """Give the rows of a table to a backtest, block by block.

    A table that is a source of its own begins with a fresh monitor. Where a column names the sources, they go on from
    table to table, as a log does that is cut into days.

    Raises
    ------
    SourceError
        At the first row that cannot be read.
    """
    if not table.names_sources:
        backtest.forget()
    for rows, times in table.blocks():
        yield JudgedBlock(rows, times, backtest.update(rows))
