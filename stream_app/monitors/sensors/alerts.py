"""Alerts of one delivery, from the signals of its events."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from stream_app.core.signals import Signal
from stream_app.events import Alert, LogId, Readings
from stream_app.monitors.alert_tracker import AlertRules, AlertTracker
from stream_app.monitors.sensors.bank import SourceBank
from stream_app.monitors.sensors.intake import COUNTED
from stream_app.monitors.sensors.placement import Piece
from stream_app.monitors.sensors.recent import RecentRows, SourceRows

__all__ = ["DeliveryAlerts"]


class DeliveryAlerts:
    """Makes alerts of the signals of one delivery.

    Parameters
    ----------
    rules : AlertRules
        Settings of the trackers.
    trackers : dict of str to AlertTracker
        Of the sources whose alerts fire, cool down or gather evidence; kept up to date.
    readings : Readings
        The delivery.
    judged : array of JUDGED, shape (n,)
        What the intake said of each reading, filled as they are taken.
    log : LogId
        Where they came from.
    bank_of : callable
        Returns the bank of a source.
    recent : dict of str to RecentRows
        Newest rows before the delivery, of sources whose windows do not hold them any more.
    """

    def __init__(
        self,
        rules: AlertRules,
        trackers: dict[str, AlertTracker],
        readings: Readings,
        judged: Any,
        log: LogId,
        bank_of: Callable[[str], SourceBank],
    ) -> None:
        self.readings = readings
        self._rules = rules
        self._trackers = trackers
        self._judged = judged
        self._log = log
        self._bank_of = bank_of
        self.recent: dict[str, RecentRows] = {}
        self._found: dict[str, list[tuple[str, Signal]]] = {}
        self._since: dict[str, int] = {}
        self._alerts: list[tuple[int, Alert]] = []

    def note(self, row: int, detector: str, signal: Signal) -> None:
        """Take a signal of a reading of the delivery, with the name under which its detector runs."""
        self._found.setdefault(self.readings.sources[row], []).append((detector, signal))

    def counted(self, piece: Piece, only: str | None = None) -> Mapping[str, list[int]]:
        """Return which readings of a piece were counted since their sources began, by source; of one, or of all."""
        places: dict[str, list[int]] = {}
        for i in np.flatnonzero(self._judged["code"][piece.rows] == COUNTED).tolist():
            source = piece.sources[i]
            if only in (None, source) and piece.rows[i] >= self._since.get(source, 0):
                places.setdefault(source, []).append(i)
        return places

    def restart(self, source: str, row: int, latest: float, **more: float) -> None:
        """Take that a source begins anew with a row: its alerts ended when it was seen last, at `latest`, with more in their context."""
        if source in self._found or source in self._trackers:
            self._track(source, [i for i, name in enumerate(self.readings.sources[:row]) if name == source])
            tracker = self._trackers.pop(source, None)
            if tracker is not None:
                offset = int(self.readings.offsets[row])
                self._alerts += [(row, alert) for alert in tracker.end(latest, offset, **more)]
        self._since[source] = row
        self.recent.pop(source, None)

    def close(self) -> list[Alert]:
        """Return the alerts that began or ended in the delivery, in the order of their events."""
        if self._found or self._trackers:
            places: dict[str, list[int]] = {}
            for row, source in enumerate(self.readings.sources):
                if source in self._found or source in self._trackers:
                    places.setdefault(source, []).append(row)
            for source, mine in places.items():
                self._track(source, mine)
        return [alert for _, alert in sorted(self._alerts, key=lambda pair: pair[0])]

    def _track(self, source: str, places: list[int]) -> None:
        since = self._since.get(source, 0)
        rows = np.array([row for row in places if row >= since], dtype=np.int64)
        found = self._found.pop(source, [])
        counted = self._judged["code"][rows] == COUNTED
        # The time of a reading that is refused for its time is not to be believed.
        times = np.where(counted, self.readings.ts[rows], self._judged["newest"][rows])
        taken = counted | np.isin(rows, [signal.row for _, signal in found])
        recent = partial(self._recent, source, int(counted.sum()))
        rows, times, counted = rows[taken], times[taken], counted[taken]
        if not len(rows):
            return
        tracker = self._trackers.get(source) or AlertTracker(self._rules)
        batch = SourceRows(
            source, times, self.readings.offsets[rows], rows, counted, self.readings.groups, recent
        )
        signals = [(name, signal.at_row(int(np.searchsorted(rows, signal.row)))) for name, signal in found]
        for alert in tracker.update(signals, batch, self._log):
            row = rows[np.searchsorted(batch.offsets, alert.changed_offset)]
            self._alerts.append((int(row), alert))
        if tracker.idle:
            self._trackers.pop(source, None)
        else:
            self._trackers[source] = tracker

    def _recent(self, source: str, counted: int) -> RecentRows:
        """Return the newest rows of a source before those of the delivery, of which so many were counted by now."""
        now = self._bank_of(source).recent(source)
        before = now.written - counted
        kept = self.recent.get(source, now)
        return kept.without(kept.written - before)
