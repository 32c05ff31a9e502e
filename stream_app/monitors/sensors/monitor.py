"""The sensor monitor: sources in, alerts and live features out."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from stream_app.monitors.by_source import MonitorBySource
from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sensors.group import summaries_of
from stream_app.monitors.sensors.intake import Arrivals
from stream_app.monitors.sensors.outcome import Outcome
from stream_app.monitors.sensors.source import SourceMonitor

__all__ = ["SensorMonitor"]


class SensorMonitor(MonitorBySource[Arrivals, Outcome]):
    """Watches the sources of one partition.

    The same readings in the same order give the same alerts and states, wherever batches begin and end. A source that
    comes back after more than `source_ttl` of its own event time starts cold: what it was like then says little now.

    Parameters
    ----------
    config : SensorConfig
        Settings.
    """

    def __init__(self, config: SensorConfig) -> None:
        super().__init__(source_ttl=config.source_ttl, max_future=config.max_future)
        self._config = config

    def features_of(self, sources: Sequence[str]) -> list[tuple[float, Mapping[str, float | None]]]:
        """Return of each source the time of the newest event, and its live features."""
        monitors = [cast(SourceMonitor, self._sources[source]) for source in sources]
        summaries = iter(summaries_of([group for monitor in monitors for group in monitor.groups]))
        return [monitor.features_with([next(summaries) for _ in monitor.groups]) for monitor in monitors]

    def _started(self, source: str) -> SourceMonitor:
        return SourceMonitor(source, self._config)

    def _resumed(self, source: str, state: Mapping[str, Any]) -> SourceMonitor:
        return SourceMonitor.from_state(state, source, self._config)

    def _joined(self, outcomes: Sequence[Outcome]) -> Outcome:
        return Outcome.joined(outcomes)
