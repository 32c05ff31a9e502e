"""The sensor monitor: readings in, alerts and live features out."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.budget import sharers as budget_sharers
from stream_app.core.calibration import Calibration
from stream_app.core.history import ClosedBuckets, history_bytes
from stream_app.core.signals import Signal
from stream_app.errors import OldStateError, StateError
from stream_app.events import ONLY_LOG, LogId, Readings
from stream_app.monitors.alert_tracker import AlertRules, AlertTracker
from stream_app.monitors.base import Need, Refusal
from stream_app.monitors.extra_detectors import ExtraDetector, ExtraDetectors
from stream_app.monitors.memory import bytes_of, stored_bytes
from stream_app.monitors.refusals import refusal
from stream_app.monitors.restore_errors import START_ANEW, restore_errors
from stream_app.monitors.sensors.alerts import DeliveryAlerts
from stream_app.monitors.sensors.bank import Columns, SourceBank
from stream_app.monitors.sensors.categories import (
    CategoryColumns,
    SourceCategories,
    category_options,
    split,
)
from stream_app.monitors.sensors.comparisons import Comparisons
from stream_app.monitors.sensors.engine import JUDGED
from stream_app.monitors.sensors.intake import COUNTED, marks_of
from stream_app.monitors.sensors.outcome import EventScores, Outcome
from stream_app.monitors.sensors.placement import Piece, Placement
from stream_app.settings.streams import SensorStream

__all__ = ["SensorMonitor"]

_NOT_TAKEN = -1

_FEATURES, _CHANNEL_FEATURES = 5, 11
"""Live features of a source, and of each of its channels."""

_CATEGORY_BYTES = 2_000
"""Of what is kept of a channel of categories."""

_MOST_CHANNELS = 4096
"""More channels than any stored state may claim: a forged one shall not take the memory."""


class SensorMonitor:
    """Watches the sources of one partition.

    The same readings in the same order give the same alerts and states, wherever batches begin and end. A source that
    comes back after more than `source_ttl` of its own event time starts cold: what it was like then says little now.

    Parameters
    ----------
    config : SensorStream
        Settings of the stream.
    calibration : Calibration, optional
        By what its detectors judge beside the settings: a reference that each source begins with, and raised thresholds. A source
        whose state is of another reference begins again with this one: alerts that fire end, and its window and history go on.
    name : str
        Name of the stream; part of each alert's identity.

    Examples
    --------
    >>> from stream_app.events import SensorRow
    >>> monitor = SensorMonitor(SensorStream())
    >>> rows = [SensorRow("pump-1", float(i), {"flow": float(i)}) for i in range(10)]
    >>> monitor.update(Readings.of([*rows, rows[-1]])).refusals[0].reason.value
    'duplicate'
    >>> ts, features = monitor.features("pump-1")
    >>> ts, features["flow.mean"]
    (9.0, 4.5)
    """

    def __init__(
        self, config: SensorStream, calibration: Calibration | None = None, *, name: str = "sensors"
    ) -> None:
        calibration = calibration or Calibration()
        reference = self._reference = calibration.reference
        self._channels = config.channel_names
        self._detectors = tuple(ExtraDetector.of(detector, reference) for detector in config.detectors)
        self._rules = AlertRules(
            name,
            config.cooldown,
            config.resolve_after,
            {one.name: one.rule for one in self._detectors},
            config.units,
        )
        self._placement = Placement(config, reference, calibration.raised)
        self._expected = config.expected_sources
        self._history = config.history
        self._shown: set[str] = set()
        self._trackers: dict[str, AlertTracker] = {}
        self._extras: dict[str, ExtraDetectors] = {}
        self._categories = config.categories
        self._category_options = category_options(config, calibration.raised.get("categories", 0))
        self._watched: dict[str, SourceCategories] = {}
        self._comparisons = Comparisons("" if reference is None else reference.version)

    def take(
        self, events: Readings, log: LogId = ONLY_LOG, sharers: FloatArray | None = None
    ) -> list[Outcome]:
        """Take a delivery; see `update`."""
        return [self.update(events, log, sharers)]

    def update(self, readings: Readings, log: LogId = ONLY_LOG, sharers: FloatArray | None = None) -> Outcome:
        """Take readings of any sources, in the order of their offsets.

        Parameters
        ----------
        readings : Readings
            A delivery.
        log : LogId
            Where they came from; part of the identity of their alerts.
        sharers : array, shape (n,), optional
            Sources that share the budget, at each reading; those that this monitor was shown so far where None.

        Returns
        -------
        Outcome
        """
        n = len(readings)
        if sharers is None:
            sharers = self._counted_sharers(readings.sources)
        judged = np.zeros(n, dtype=JUDGED)
        judged["code"] = _NOT_TAKEN
        columns = Columns(readings.ts, readings.record_ts, marks_of(readings.ids, n), sharers, judged)
        categories = None
        if self._categories:
            readings, categories = split(readings, self._categories)
        alerts = DeliveryAlerts(
            self._rules, self._trackers, readings, judged, log, self._placement.__getitem__
        )
        for source in self._comparisons.take_changed(readings.sources):
            row = readings.sources.index(source)
            alerts.restart(source, row, self._newest(source), reference_changed=1.0)
        note = partial(self._comparisons.note, readings.sources, alerts.note)
        refusals: list[Refusal] = []
        history: list[ClosedBuckets] = []
        for piece in self._placement.place(readings, refusals):
            extras = partial(self._run_extras, piece, alerts, note, categories, sharers)
            history += piece.bank.advance(
                piece, columns, note, partial(self._restart, alerts, extras), alerts.recent
            )
            extras()
        refusals += [
            refusal(
                int(judged[row]["code"]),
                int(readings.offsets[row]),
                float(readings.ts[row]),
                float(readings.record_ts[row]),
                float(judged[row]["newest"]),
            )
            for row in np.flatnonzero(judged["code"] > COUNTED).tolist()
        ]
        refusals.sort(key=lambda one: one.offset)
        return Outcome(
            self._counted(readings, judged),
            refusals,
            alerts.close(),
            EventScores(
                judged["score"].copy(),
                judged["anomaly"].copy(),
                judged["changepoint"].copy(),
                judged["drift"].copy(),
            ),
            history,
        )

    def _restored_categories(self, state: Mapping[str, Any] | None) -> SourceCategories | None:
        if state is None or not self._categories:
            return None
        watched = SourceCategories(self._categories, self._category_options, self._reference)
        watched.restore(state)
        return watched

    def _newest(self, source: str) -> float:
        bank = self._placement[source]
        return float(bank.records["intake"][bank.records.slot(source)]["clock"]["newest"])

    def _counted_sharers(self, sources: Sequence[str]) -> FloatArray:
        """Count the sources that this monitor was shown, at each reading."""
        known = np.full(len(sources), len(self._shown))
        if not self._shown.issuperset(sources):
            for i, source in enumerate(sources):
                self._shown.add(source)
                known[i] = len(self._shown)
        return budget_sharers(known, self._expected)

    @staticmethod
    def _counted(readings: Readings, judged: Any) -> dict[str, int]:
        counted = judged["code"] == COUNTED
        if counted.all():
            return dict(zip(readings.sources, readings.offsets.tolist(), strict=True))
        return {readings.sources[row]: int(readings.offsets[row]) for row in np.flatnonzero(counted).tolist()}

    def _restart(
        self, alerts: DeliveryAlerts, extras: Callable[[str], None], source: str, row: int, latest: float
    ) -> None:
        """Begin a source anew that was away for long before a row."""
        extras(source)
        self._extras.pop(source, None)
        self._watched.pop(source, None)
        self._comparisons.forget(source)
        alerts.restart(source, row, latest)

    def _run_extras(
        self,
        piece: Piece,
        alerts: DeliveryAlerts,
        note: Callable[[int, str, Signal], None],
        categories: CategoryColumns | None,
        sharers: FloatArray,
        only: str | None = None,
    ) -> None:
        """Give the readings that were counted, of one source or of all, to what runs beside the kernels."""
        if not self._detectors and categories is None:
            return
        ts = alerts.readings.ts
        for source, mine in alerts.counted(piece, only).items():
            rows = piece.rows[mine]
            if categories is not None:
                watched = self._watched.get(source)
                if watched is None:
                    watched = SourceCategories(self._categories, self._category_options, self._reference)
                    self._watched[source] = watched
                for row, signal in watched.update(ts, categories, rows, sharers):
                    note(row, signal.detector, signal)
            if not self._detectors:
                continue
            extras = self._extras.get(source)
            if extras is None:
                extras = self._extras[source] = ExtraDetectors(self._detectors)
            for name, signal in extras.update(ts[rows], piece.bank.channels, piece.values[mine]):
                row = int(rows[signal.row])
                alerts.note(row, name, signal.at_row(row))

    def __contains__(self, source: str) -> bool:
        return source in self._placement

    def __len__(self) -> int:
        return len(self._placement)

    def channels_of(self, source: str) -> tuple[str, ...] | None:
        """Return the channels of a source; None where it is not here."""
        return self._placement[source].channels if source in self._placement else None

    def sources(self) -> list[str]:
        """Names of all sources seen."""
        return list(self._placement)

    def features(self, source: str) -> tuple[float, Mapping[str, float | None]]:
        """Return the time of the newest reading of a source, and its live features."""
        return self.features_of([source])[0]

    def features_of(self, sources: Sequence[str]) -> list[tuple[float, Mapping[str, float | None]]]:
        """Return of each source the time of the newest reading, and its live features."""
        found: list[tuple[float, Mapping[str, float | None]]] = [(0.0, {})] * len(sources)
        for bank, members in self._by_bank(sources).items():
            for i, (ts, values) in zip(members, bank.features([sources[i] for i in members]), strict=True):
                served = dict(values)
                for beside in (self._extras.get(sources[i]), self._watched.get(sources[i])):
                    if beside is not None:
                        served |= beside.features()
                found[i] = ts, served
        return found

    def open_buckets(self, sources: Sequence[str]) -> list[ClosedBuckets]:
        """Return the open bucket of the history of each source, as it is now."""
        return [
            bucket
            for bank, members in self._by_bank(sources).items()
            for bucket in bank.open_buckets([sources[i] for i in members])
        ]

    def _by_bank(self, sources: Sequence[str]) -> dict[SourceBank, list[int]]:
        by_bank: dict[SourceBank, list[int]] = {}
        for i, source in enumerate(sources):
            by_bank.setdefault(self._placement[source], []).append(i)
        return by_bank

    def forget(self, source: str) -> None:
        """Drop a source; it starts cold when it comes again, unless it is restored before."""
        self._placement.forget(source)
        self._comparisons.forget(source)
        self._shown.discard(source)
        self._watched.pop(source, None)
        self._trackers.pop(source, None)
        self._extras.pop(source, None)

    def needs(self, readings: Readings) -> dict[int, Need]:
        """Return for each reading, by its place, whose source is not here or names new channels, what that would then take."""
        if self._categories:
            readings, _ = split(readings, self._categories)
        return self._placement.needs(readings, self.size_with)

    def stored_size(self, source: str) -> int:
        """Return the bytes that a source takes in the store, with its features."""
        return self.size_with(self._placement[source].channels)

    def size_with(self, channels: tuple[str, ...]) -> int:
        """Return the bytes that a source of some channels takes in the store, with its features."""
        beside = (
            sum(one.most_bytes(channels) for one in self._detectors) + len(self._categories) * _CATEGORY_BYTES
        )
        return stored_bytes(
            self._placement.record_size(len(channels)) + beside,
            features=_FEATURES + _CHANNEL_FEATURES * len(channels),
            history=history_bytes(channels) if self._history else 0,
        )

    def size_of(self, source: str) -> int:
        """Return the memory that a source takes, in bytes, about."""
        beside = (tables.get(source) for tables in (self._trackers, self._extras, self._watched))
        return self._placement[source].records.record_size + bytes_of(source, *beside)

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""
        home = self._placement[source]
        tracker, extras = self._trackers.get(source), self._extras.get(source)
        watched = self._watched.get(source)
        return {
            "layout": home.records.fingerprint,
            "channels": list(home.channels),
            "record": home.records.record(source),
            "alerts": None if tracker is None else tracker.state(),
            "extras": None if extras is None else extras.state(),
            "categories": None if watched is None else watched.state(),
            "reference": self._comparisons.state(source),
        }

    def restore(self, source: str, state: Mapping[str, Any]) -> list[str]:
        """Put a source back where its state was taken; if that fails, it is not there any more.

        Returns
        -------
        list of str
            Why detectors beside the default ones start cold.

        Raises
        ------
        OldStateError
            If it was written by a version of this program, or with settings, whose records have another layout.
        StateError
            If it is damaged.
        """
        self.forget(source)
        cold: list[str] = []
        with restore_errors(source):
            channels = tuple(str(name) for name in state["channels"])
            if self._channels is not None and channels != self._channels:
                raise OldStateError(
                    f"state of {source}: of the channels {list(channels)[:5]}, declared are "
                    f"{list(self._channels)[:5]}; {START_ANEW}"
                )
            if not 0 < len(channels) == len(set(channels)) <= _MOST_CHANNELS:
                raise StateError(f"state of {source} is damaged: it has {len(channels)} channels")
            changed = self._comparisons.restore(source, state.get("reference"))
            tracker = extras = None
            if state["alerts"] is not None:
                tracker = AlertTracker(self._rules)
                tracker.restore(state["alerts"])
            if state["extras"] is not None and self._detectors:
                extras = ExtraDetectors(self._detectors)
                cold = extras.restore(state["extras"])
            watched = None if changed else self._restored_categories(state["categories"])
            bank = self._placement.bank(channels)
            try:
                if state["layout"] != bank.records.fingerprint:
                    raise OldStateError(
                        f"state of {source}: its records are laid out as {state['layout']}, this program's as "
                        f"{bank.records.fingerprint}; {START_ANEW}"
                    )
                bank.records.restore(source, state["record"])
                if changed:
                    bank.begin_again(source)
            finally:
                self._placement.close_if_empty(bank)
        self._placement.settle(source, bank)
        self._shown.add(source)
        if tracker is not None:
            self._trackers[source] = tracker
        if extras is not None:
            self._extras[source] = extras
        if watched is not None:
            self._watched[source] = watched
        return cold
