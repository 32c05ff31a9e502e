"""Everything the monitor knows of one source."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from stream_app.core.quality import QualityMonitor, QualityOptions
from stream_app.core.signals import Signal
from stream_app.events import Alert
from stream_app.monitors.damage import damage_named
from stream_app.monitors.sensors import versions
from stream_app.monitors.sensors.batch import SensorBatch
from stream_app.monitors.sensors.book import AlertBook
from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sensors.group import ChannelGroup, summaries_of
from stream_app.monitors.sensors.intake import Arrivals, Intake
from stream_app.monitors.sensors.outcome import Outcome
from stream_app.monitors.sensors.scores import EventScores
from stream_app.monitors.versions import upgraded

__all__ = ["SourceMonitor"]

_NEVER = 10**12
"""More than any count, ratio or number of seconds that a stream will see."""


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
        self.quality = QualityMonitor(
            config.channels or (), limits=config.limits, options=_quality_options(config)
        )
        self.book = AlertBook(config)
        self.events = 0

    def update(self, arrivals: Arrivals, partition: int) -> Outcome:
        """Take readings of this source, in the order of their offsets."""
        batch, refusals = self.intake.admit(arrivals)
        refused = Counter(refusal.reason.value for refusal in refusals)
        self.quality.count(**refused)
        if not len(batch):
            return Outcome(self.source, None, EventScores.quiet(0), refusals, [])
        self.events += len(batch)
        scores = EventScores.quiet(len(batch))
        signals = [
            ("quality", signal) for signal in self.quality.update(batch.ts, batch.values, batch.channels)
        ]
        signals += self._watch(batch, scores)
        return Outcome(self.source, batch, scores, refusals, self.book.update(signals, batch, partition))

    def end_alerts(self, offset: int) -> list[Alert]:
        """End all alerts that fire, at the newest time: by this event the source starts cold."""
        return self.book.end(self.intake.latest, offset)

    def _watch(self, batch: SensorBatch, scores: EventScores) -> list[tuple[str, Signal]]:
        found: list[tuple[str, Signal]] = []
        column = {name: j for j, name in enumerate(batch.channels)}
        for group in self.groups:
            values = batch.values
            if group.channels != batch.channels:
                values = values[:, [column[name] for name in group.channels]]
            found += group.update(batch.ts, values, scores)
        for first, group in self._new_groups(batch):
            columns = [column[name] for name in group.channels]
            later = EventScores.quiet(len(batch) - first)
            seen = group.update(batch.ts[first:], batch.values[first:, columns], later)
            scores.merge(later, first)
            found += [(name, signal.shifted(first)) for name, signal in seen]
        return found

    def _new_groups(self, batch: SensorBatch) -> list[tuple[int, ChannelGroup]]:
        # Channels that have their first value in the same row form a group, so that what belongs together
        # does not depend on where a batch ends.
        taken = {name for group in self.groups for name in group.channels}
        if len(taken) == len(batch.channels):
            return []
        fresh: dict[int, list[str]] = {}
        for j, name in enumerate(batch.channels):
            if name not in taken:
                present = np.flatnonzero(np.isfinite(batch.values[:, j]))
                if len(present):
                    fresh.setdefault(int(present[0]), []).append(name)
        made: list[tuple[int, ChannelGroup]] = []
        for row, names in sorted(fresh.items()):
            group = ChannelGroup(tuple(names), self.config, share=self._share())
            self.groups.append(group)
            made.append((row, group))
        return made

    def _share(self) -> float:
        """Share of the budget of the next group: all of it if no other can come, else a half, then a quarter."""
        if self.config.channels is not None and not self.groups:
            return 1.0
        return 0.5 ** (len(self.groups) + 1)

    def features(self) -> tuple[float, dict[str, float | None]]:
        """Return the time of the newest reading, and the live features."""
        return self.features_with(summaries_of(self.groups))

    def features_with(
        self, summaries: Sequence[Mapping[str, float | None]]
    ) -> tuple[float, dict[str, float | None]]:
        """Return the same, given the summary of each group's window."""
        values: dict[str, float | None] = {"events": self.events}
        for group, summary in zip(self.groups, summaries, strict=True):
            values.update(summary)
            values.update(group.figures())
        return self.intake.newest, values

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "version": versions.VERSION,
            "intake": self.intake.state(),
            "groups": [group.state() for group in self.groups],
            "quality": self.quality.state(),
            "book": self.book.state(),
            "events": self.events,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], source: str, config: SensorConfig) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        OldStateError
            If it is of an older version that cannot be upgraded.
        StateError
            If it is of a newer version or damaged.
        """
        state = upgraded(state, source, version=versions.VERSION, upgrades=versions.UPGRADES)
        # Without what a fresh one begins with: to make it takes half as long as to restore.
        monitor = cls.__new__(cls)
        monitor.source, monitor.config, monitor.book = source, config, AlertBook(config)
        with damage_named(source):
            monitor._restore(state)  # noqa: SLF001 one of ours
        return monitor

    def _restore(self, state: Mapping[str, Any]) -> None:
        config = self.config
        self.intake = Intake.from_state(
            state["intake"],
            self.source,
            declared=config.channels,
            lateness=config.lateness,
            max_future=config.max_future,
        )
        self.groups = [ChannelGroup.from_state(group, config) for group in state["groups"]]
        self.quality = QualityMonitor.from_state(state["quality"])
        self.book.restore(state["book"])
        self.events = int(state["events"])


def _quality_options(config: SensorConfig) -> QualityOptions:
    """Say what of a source's data can be bad: of draws, what is missing, gone or outside of declared limits."""
    if not config.draws:
        return QualityOptions(silence=config.silent_after)
    return QualityOptions(
        silence=config.silent_after or _NEVER, sigma=_NEVER, stuck_least=_NEVER, burst_factor=_NEVER
    )
