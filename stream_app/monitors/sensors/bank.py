"""Sources with the same channels: their bank and the kernels that walk it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.bank import Bank, Layout
from stream_app.core.history import ClosedBuckets, history_layout
from stream_app.core.history.recorder import HistoryRecorder
from stream_app.core.kernel import Counter, signal_buffer
from stream_app.core.quality import (
    QualityOptions,
    most_signals,
    quality_layout,
    quality_options,
    quality_signal,
)
from stream_app.core.reference import ReferenceTable
from stream_app.core.signals import Signal
from stream_app.core.windows import STATISTICS, summarise, window_layout, window_places
from stream_app.monitors.sensors.draws import DrawDetectors
from stream_app.monitors.sensors.engine import JUDGED, budget_options, named_signals
from stream_app.monitors.sensors.intake import ABSENT, COUNTED, intake_layout, intake_options
from stream_app.monitors.sensors.process import ProcessDetectors
from stream_app.monitors.sensors.recent import RecentRows
from stream_app.settings.streams import SensorStream

__all__ = ["Columns", "SourceBank", "record_size"]

_COMMON = ("intake", "quality.source", "quality.channel", "window", "window.ts", "window.values")
"""Arrays that `enter` takes."""

_OWN = (*_COMMON[:2], "window", "window.ts", "window.values", *history_layout(1))
"""Arrays that a reference does not teach."""

_TOLD = 0.8
"""Share of the window's rows of which an alert tells: a few new ones may come in before it is made."""

_ROOM = 16
"""Events whose signals fit into a buffer at the least."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a delivery that every bank needs; an entry a reading.

    Parameters
    ----------
    ts, record_ts : array, shape (n,)
        Times of the events and of their records.
    marks : array of uint64, shape (n,)
        Of the producers' ids; 0 where there is none.
    sharers : array, shape (n,)
        Sources that share the budget.
    judged : array of JUDGED, shape (n,)
        Takes what becomes of each.
    """

    ts: FloatArray
    record_ts: FloatArray
    marks: npt.NDArray[np.uint64]
    sharers: FloatArray
    judged: npt.NDArray[Any]


class Readable(Protocol):
    """Readings of sources of one bank; see `Piece`."""

    @property
    def sources(self) -> list[str]:
        """Source of each reading."""

    @property
    def rows(self) -> IntArray:
        """Places in the delivery."""

    @property
    def values(self) -> FloatArray:
        """The values."""

    @property
    def partial(self) -> bool:
        """Whether other readings of the same sources may follow in the delivery."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """Readings of a reference; see `Readable`."""

    sources: list[str]
    rows: IntArray
    values: FloatArray
    partial: bool = False


class Detectors(Protocol):
    """The detectors of all sources of a bank, for one kind of sources."""

    @property
    def layout(self) -> Layout:
        """Arrays that they keep of each source."""

    def advance(
        self,
        bank: Bank,
        common: tuple[Any, ...],
        settings: tuple[Any, ...],
        budget: npt.NDArray[Any],
        events: tuple[Any, ...],
        begin: int,
        quality: tuple[npt.NDArray[Any], Counter],
    ) -> int:
        """Take events from `begin` on through intake, quality, detectors and window; return where it stopped."""

    def signals(self, ts: FloatArray) -> Iterator[tuple[str, Signal]]:
        """Take what was seen since the last call, with the name of each detector."""

    def features(self, bank: Bank, slots: IntArray) -> Mapping[str, list[float]]:
        """Figures to serve beside the window's statistics: by name, one for each of some slots."""


class SourceBank:
    """The sources of a partition that name the same channels.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.
    config : SensorStream
        Settings of the stream.
    reference : ReferenceTable, optional
        Normal operation of one source: each source begins with what its detectors learn from it.
    raised : mapping of str to int
        See `Calibration`.
    """

    def __init__(
        self,
        channels: tuple[str, ...],
        config: SensorStream,
        reference: ReferenceTable | None = None,
        raised: Mapping[str, int] | None = None,
    ) -> None:
        d = len(channels)
        self.channels = channels
        self._detectors = _detectors(channels, config)
        self.records = Bank(_layout(d, self._detectors, config))
        self._seconds = np.inf if config.window is None else config.window
        limits = config.limits
        self._settings = (
            intake_options(
                lateness=config.lateness, max_future=config.max_future, source_ttl=config.source_ttl
            ),
            quality_options(_quality(config)),
            np.array([_limits(limits.get(name, (None, None))) for name in channels]).reshape(d, 2),
        )
        self._budget = budget_options(config.budget, raised or {})
        self._expected = config.expected_sources or 1
        self._told = max(int(_TOLD * config.window_rows), 1)
        self._spare = config.window_rows - self._told
        self._quality = signal_buffer(_ROOM * most_signals(d))
        cell = np.zeros(1)
        self._hashing = cell, cell.view(np.uint64)
        self._history = HistoryRecorder(channels) if config.history else None
        self._names = tuple(f"{channel}.{name}" for channel in channels for name in STATISTICS)
        self._learned: list[str] = []
        if reference is not None:
            self._learn(reference)

    def _learn(self, reference: ReferenceTable) -> None:
        """Let sources begin with what is learned from a reference, as far as it has their channels."""
        values = np.stack([reference.column(name) for name in self.channels], axis=1)
        source = ""
        self.records.add(source)
        n = len(reference)
        columns = Columns(
            reference.ts,
            reference.ts,
            np.zeros(n, np.uint64),
            np.full(n, float(self._expected)),
            np.zeros(n, JUDGED),
        )
        piece = _Reference([source] * n, np.arange(n), values)
        self.advance(piece, columns, lambda *_: None, lambda *_: None, {})
        # When its readings came says nothing of a source's own.
        self._learned = [name for name in self.records.layout if name not in _OWN]
        self.records.begin_as(source, self._learned)
        self.records.remove(source)

    def begin_again(self, source: str) -> None:
        """Let the detectors of a source begin with what they learn from the reference; its window and history go on."""
        self.records.begin_again(source, self._learned)

    def advance(
        self,
        piece: Readable,
        columns: Columns,
        on_signal: Callable[[int, str, Signal], None],
        on_absence: Callable[[str, int, float], None],
        kept: dict[str, RecentRows],
    ) -> list[ClosedBuckets]:
        """Take readings of sources that are here, in their order.

        Parameters
        ----------
        piece : Piece
            The readings.
        columns : Columns
            Of the whole delivery.
        on_signal : callable
            Takes the row of an event in the delivery, the name of the detector, and what it saw.
        on_absence : callable
            Takes a source that starts cold, the row of the event by which it does, and its watermark before.
        kept : dict of str to RecentRows
            Takes the newest rows of sources with many readings, as they were before: these take their places.

        Returns
        -------
        list of ClosedBuckets
            What is added to their history.
        """
        sources, rows, values = piece.sources, piece.rows, piece.values
        records = self.records
        slots = np.array([records.slot(source) for source in sources])
        spare = 0 if piece.partial else self._spare
        if len(rows) > spare:
            many = np.flatnonzero(np.bincount(slots)[slots] > spare)
            for source in dict.fromkeys(sources[place] for place in many.tolist()):
                if source not in kept:
                    kept[source] = self.recent(source)
        common = tuple(records[name] for name in _COMMON)
        events = (
            slots,
            rows,
            values,
            columns.ts,
            columns.record_ts,
            columns.marks,
            columns.sharers,
            columns.judged,
            self._hashing,
        )
        place = 0
        closed: list[ClosedBuckets] = []
        while place < len(rows):
            begin = place
            place = self._detectors.advance(
                records, common, self._settings, self._budget, events, place, self._quality
            )
            found = named_signals("quality", self._quality, quality_signal, columns.ts, self.channels)
            for name, signal in chain(found, self._detectors.signals(columns.ts)):
                on_signal(signal.row, name, signal)
            if self._history is not None:
                counted = begin + np.flatnonzero(columns.judged["code"][rows[begin:place]] == COUNTED)
                closed += self._record(self._history, piece, columns, slots, counted)
            if place < len(rows) and columns.judged[rows[place]]["code"] == ABSENT:
                source, slot = sources[place], int(slots[place])
                on_absence(source, int(rows[place]), float(records["intake"][slot]["clock"]["newest"]))
                records.reset(slot)
        return closed

    def _record(
        self,
        history: HistoryRecorder,
        piece: Readable,
        columns: Columns,
        slots: IntArray,
        counted: IntArray,
    ) -> list[ClosedBuckets]:
        """Add readings that were counted, by their places in the piece, to the history of their sources."""
        sources, values = piece.sources, piece.values
        if len(counted) < len(slots):
            sources = [sources[i] for i in counted.tolist()]
            slots, values = slots[counted], values[counted]
        rows = piece.rows[counted]
        return history.record(
            self.records, sources, slots, columns.ts[rows], values, columns.judged["score"][rows]
        )

    def open_buckets(self, sources: Sequence[str]) -> list[ClosedBuckets]:
        """Return the open bucket of the history of each source, as it is now; nothing where no history is kept."""
        return [] if self._history is None else [self._history.open(self.records, sources)]

    def recent(self, source: str) -> RecentRows:
        """Return the newest rows of a source, which are in its window."""
        slot = self.records.slot(source)
        times, written = self.records["window.ts"][slot], int(self.records["window"][slot]["written"])
        places = window_places(written, len(times))
        values = self.records["window.values"][slot][places]
        return RecentRows(self.channels, written, times[places], values, self._told)

    def features(self, sources: Iterable[str]) -> list[tuple[float, dict[str, float | None]]]:
        """Return of each source the time of its newest reading, and its live features."""
        records = self.records
        slots = np.array([records.slot(source) for source in sources], dtype=np.int64)
        out = np.empty((len(slots), len(self.channels), len(STATISTICS)))
        summarise(
            records["window"], records["window.ts"], records["window.values"], slots, self._seconds, out
        )
        flat = out.reshape(len(slots), -1)
        whole: Any = np.isfinite(flat).all(axis=1).tolist()
        intakes = records["intake"]
        features = []
        for slot, numbers, complete in zip(slots.tolist(), flat.tolist(), whole, strict=True):
            values: dict[str, float | None] = {"events": int(intakes[slot]["events"])}
            known = numbers if complete else [x if math.isfinite(x) else None for x in numbers]
            values.update(zip(self._names, known, strict=True))
            features.append((float(intakes[slot]["clock"]["newest"]), values))
        for name, column in self._detectors.features(records, slots).items():
            for (_, served), value in zip(features, column, strict=True):
                served[name] = value
        return features

    def take_from(self, other: "SourceBank", source: str) -> None:
        """Take a source over from a bank with fewer channels, which are the first of these."""
        old = other.records
        before, slot = old.slot(source), self.records.add(source)
        for name, array in self.records.arrays.items():
            known = old[name][before]
            corner: tuple[Any, ...] = (slot, *(slice(0, side) for side in known.shape))
            array[corner] = known
        old.remove(source)


def record_size(channels: int, config: SensorStream) -> int:
    """Return the bytes of a source's record by its number of channels."""
    detectors = _detectors(tuple(map(str, range(channels))), config)
    return Bank(_layout(channels, detectors, config)).record_size


def _detectors(channels: tuple[str, ...], config: SensorStream) -> Detectors:
    kind = DrawDetectors if config.draws else ProcessDetectors
    return kind(channels, config)


def _layout(channels: int, detectors: Detectors, config: SensorStream) -> Layout:
    return {
        **intake_layout(),
        **quality_layout(channels, declared=0 if config.channels is None else channels),
        **detectors.layout,
        **(history_layout(channels) if config.history else {}),
        **window_layout(channels, config.window_rows),
    }


def _limits(pair: tuple[float | None, float | None]) -> tuple[float, float]:
    low, high = pair
    return -math.inf if low is None else low, math.inf if high is None else high


def _quality(config: SensorStream) -> QualityOptions:
    """Say what of a source's data can be bad: of draws, what is missing, gone or outside of declared limits."""
    if not config.draws:
        return QualityOptions(silence=config.silent_after)
    never_silent = config.silent_after or math.inf
    return QualityOptions(silence=never_silent, stuck_least=None, burst_factor=None)
