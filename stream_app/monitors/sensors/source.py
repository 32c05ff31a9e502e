"""Everything the monitor knows of one source."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from stream_app.core.signals import Signal
from stream_app.errors import StateError
from stream_app.events import Alert
from stream_app.monitors.sensors.batch import SensorBatch
from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sensors.group import ChannelGroup
from stream_app.monitors.sensors.intake import Arrivals, Intake
from stream_app.monitors.sensors.outcome import Outcome

__all__ = ["SourceMonitor"]

_VERSION = 1


class SourceMonitor:
    """Intake, windows, detectors and alerts of one source.

    Parameters
    ----------
    source : str
        Whose.
    config : SensorConfig
        Settings.
    """

    def __init__(self, source: str, config: SensorConfig) -> None:
        self.source = source
        self.config = config
        self.intake = Intake(
            source, declared=config.channels, lateness=config.lateness, max_future=config.max_future
        )
        self.groups: list[ChannelGroup] = []
        self.counts: dict[str, int] = {"events": 0}

    def update(self, arrivals: Arrivals, partition: int) -> Outcome:
        """Take readings of this source, in the order of their offsets."""
        batch, refusals = self.intake.admit(arrivals)
        for refusal in refusals:
            name = refusal.reason.value
            self.counts[name] = self.counts.get(name, 0) + 1
        if not len(batch):
            return Outcome(self.source, 0, None, refusals, [])
        self.counts["events"] += len(batch)
        signals = self._watch(batch)
        return Outcome(
            self.source, len(batch), int(batch.offsets[-1]), refusals, self._alerts(signals, batch, partition)
        )

    def _watch(self, batch: SensorBatch) -> list[Signal]:
        signals: list[Signal] = []
        column = {name: j for j, name in enumerate(batch.channels)}
        for group in self.groups:
            signals += group.update(batch.ts, batch.values[:, [column[name] for name in group.channels]])
        for first, group in self._new_groups(batch):
            columns = [column[name] for name in group.channels]
            found = group.update(batch.ts[first:], batch.values[first:, columns])
            signals += [_shifted(signal, first) for signal in found]
        signals.sort(key=lambda signal: signal.row)
        return signals

    def _new_groups(self, batch: SensorBatch) -> list[tuple[int, ChannelGroup]]:
        # Channels that have their first value in the same row form a group, so that what belongs together
        # does not depend on where a batch ends.
        taken = {name for group in self.groups for name in group.channels}
        fresh: dict[int, list[str]] = {}
        for j, name in enumerate(batch.channels):
            if name not in taken:
                present = np.flatnonzero(np.isfinite(batch.values[:, j]))
                if len(present):
                    fresh.setdefault(int(present[0]), []).append(name)
        made = [(row, ChannelGroup(tuple(names), self.config)) for row, names in sorted(fresh.items())]
        self.groups += [group for _, group in made]
        return made

    def _alerts(self, signals: list[Signal], batch: SensorBatch, partition: int) -> list[Alert]:
        return []

    def features(self) -> tuple[float, dict[str, float | None]]:
        """Return the time of the newest reading, and the live features."""
        values: dict[str, float | None] = {"events": self.counts["events"]}
        for group in self.groups:
            values.update(group.features())
        return self.intake.newest, values

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "version": _VERSION,
            "intake": self.intake.state(),
            "groups": [group.state() for group in self.groups],
            "counts": self.counts,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], source: str, config: SensorConfig) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        StateError
            If it is of another version.
        """
        if state.get("version") != _VERSION:
            raise StateError(
                f"state of {source}: version {state.get('version')}, this program reads {_VERSION}"
            )
        monitor = cls(source, config)
        monitor.intake = Intake.from_state(
            state["intake"],
            source,
            declared=config.channels,
            lateness=config.lateness,
            max_future=config.max_future,
        )
        monitor.groups = [ChannelGroup.from_state(group, config) for group in state["groups"]]
        monitor.counts = dict(state["counts"])
        return monitor


def _shifted(signal: Signal, rows: int) -> Signal:
    return replace(signal, row=signal.row + rows)
