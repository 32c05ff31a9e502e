"""The run of a backtest: rows in, judgement and figures out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from stream_app.backtesting.change_window import ChangeWindow
from stream_app.backtesting.episodes import AlertEpisode, episodes_of
from stream_app.backtesting.figures import Figures, measure
from stream_app.backtesting.incidents import IncidentEpisode, incidents_of, last_states
from stream_app.backtesting.parts import SourcePart, by_source
from stream_app.backtesting.tally import Beginning, SourceTally
from stream_app.backtesting.understood import left_out_notes
from stream_app.backtesting.verdict import Verdict, verdict_of
from stream_app.core.calibration import Calibration
from stream_app.core.reference import ReferenceTable
from stream_app.events import Alert
from stream_app.events.sensor import MAX_CHANNELS
from stream_app.kinds.sensors import changed_stream
from stream_app.monitors.sensors import MAX_LEARNED_CHANNELS, Outcome, SensorMonitor
from stream_app.settings import SensorStream
from stream_app.tables import InputRows, InputTable, OptionNames

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
    reference : ReferenceTable, optional
        Normal operation of one source, from which each source's detectors learn before its first row.
    name : str
        Name of the stream.
    period : float, optional
        Seconds between rows that have no times of their own; alerts are then told by the places of their rows.
    scored_after : int, optional
        First rows of each source that are not scored; those of the warm-up where nothing is said. Rows of the reference
        take their place.
    window : ChangeWindow, optional
        How long after a true changepoint a detection counts as one of it.

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
        reference: ReferenceTable | None = None,
        *,
        name: str = "sensors",
        period: float | None = None,
        scored_after: int | None = None,
        window: ChangeWindow | None = None,
    ) -> None:
        self.name = name
        self.period = period
        learned = 0 if reference is None else len(reference)
        self._warmup = max(config.warmup - learned, 0)
        self._scored_after = self._warmup if scored_after is None else max(scored_after - learned, 0)
        self._window = window or ChangeWindow()
        self.config = config
        self._calibration = Calibration(reference)
        self.seconds = 0.0
        """Time spent in the monitor."""
        self.rows = 0
        """Rows taken so far."""
        self.first_refusals: dict[str, str] = {}
        """Message of the first row that was refused for each reason."""
        self._alerts: list[Alert] = []
        self._watch = watch
        self._monitor = SensorMonitor(config, self._calibration, name=name)
        self._tallies: dict[str, SourceTally] = {}
        self._places: dict[int, str] = {}
        self._streams = 0
        self._said = config
        self._tables: list[InputTable] = []

    def update(self, rows: InputRows, place: Callable[[int], str] | None = None) -> Outcome:
        """Take the next rows of the input.

        Parameters
        ----------
        rows : InputRows
            The rows.
        place : callable, optional
            Says where the i-th of them stands, for alerts and refusals; rows of the whole input are counted from 1 where
            it is not given.

        Returns
        -------
        Outcome
            Scores in the order of the rows; alerts whose offsets count the rows of the whole input from 0.
        """
        self._declare(rows.channels)
        begin = perf_counter()
        judged = self._monitor.update(rows.readings(self.rows))
        self.seconds += perf_counter() - begin
        self._alerts += judged.alerts
        for refusal in judged.refusals:
            if refusal.reason.value not in self.first_refusals:
                told = f"{self._place(refusal.offset, place)}: {refusal.message}"
                self.first_refusals[refusal.reason.value] = told
        for alert in judged.alerts:
            if alert.begins:
                self._places[alert.offset] = self._place(alert.offset, place)
        for part in by_source(rows, judged, self.rows):
            tally = self._tallies.get(part.name) or self._tallies.setdefault(
                part.name,
                SourceTally(
                    self._scored_after, self._streams, self._window, self._warmup, self.config.source_ttl
                ),
            )
            tally.update(part)
            if self._watch is not None:
                self._watch(part)
        self.rows += len(rows)
        return judged

    def _declare(self, channels: tuple[str, ...]) -> None:
        """Take the columns of a wide table for the channels of the stream: a source learns no more than some by itself."""
        if self.config.channels is None and MAX_LEARNED_CHANNELS < len(channels) <= MAX_CHANNELS:
            self.config = changed_stream(self.name, self.config, {"channels": channels})
            self._monitor = SensorMonitor(self.config, self._calibration, name=self.name)

    def begin(self, table: InputTable) -> None:
        """Say that the next rows are those of a table.

        A table that is a source of its own begins with a fresh monitor. Where a column names the sources, they go on from
        table to table, as a log does that is cut into days.
        """
        table.source.left.clear()
        self._tables.append(table)
        if not table.names_sources:
            self.forget()

    def forget(self) -> None:
        """Begin the next rows with a fresh monitor, as if no source had been seen; figures go on."""
        self.config = self._said
        self._monitor = SensorMonitor(self.config, self._calibration, name=self.name)
        self._streams += 1

    def alerts(self) -> list[AlertEpisode]:
        """Return the alerts so far, in the order in which they began."""
        known = [tally for tally in self._tallies.values() if tally.with_truth]
        false = {begun.id: False for tally in known for begun in tally.beginnings}
        false |= {begun.id: True for tally in known for begun in tally.false_alarms()}
        return [
            replace(
                episode,
                place=self._places[episode.began.offset],
                timed=self.period is None,
                false=false.get(episode.began.id),
            )
            for episode in episodes_of(self._alerts)
        ]

    def incidents(self) -> list[IncidentEpisode]:
        """Return the incidents so far with their alerts, in the order in which they began."""
        return incidents_of(self.alerts(), last_states(self._alerts))

    @property
    def warmup(self) -> int:
        """First accepted rows of a source that this monitor does not judge."""
        return self._warmup

    @property
    def judged(self) -> int:
        """Accepted rows after the warm-up of this monitor."""
        return sum(tally.judged for tally in self._tallies.values())

    def verdict(self, options: OptionNames = OptionNames()) -> Verdict:  # noqa: B008 it is frozen
        """Say whether so much was judged that the figures say anything; `options` names the remedies."""
        verdict = verdict_of(self._tallies, self._warmup, self.config, self.first_refusals, options)
        return replace(verdict, notes=(*left_out_notes(self._tables), *verdict.notes))

    def beginnings(self) -> list[Beginning]:
        """Return the beginnings of alerts after the warm-up, source by source."""
        return [begun for tally in self._tallies.values() for begun in tally.beginnings]

    def true_onsets(self) -> list[float]:
        """Return when the true events after the warm-up began, source by source; nothing without truth."""
        return [
            event.onset for tally in self._tallies.values() if tally.with_truth for event in tally.events()
        ]

    def figures(self) -> Figures:
        """Return the figures so far, over all sources."""
        return measure(self._tallies.values(), self.config.budget)

    def figures_by_source(self) -> dict[str, Figures]:
        """Return the figures so far of each source, in the order of their first rows."""
        return {name: measure([tally]) for name, tally in self._tallies.items()}

    def _place(self, offset: int, place: Callable[[int], str] | None) -> str:
        return f"row {offset + 1}" if place is None else place(offset - self.rows)


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

    Raises
    ------
    SourceError
        At the first row that cannot be read.
    """
    backtest.begin(table)
    for rows, times, place in table.blocks():
        yield JudgedBlock(rows, times, backtest.update(rows, place))
