"""The sensor monitor: sources in, alerts and live features out."""

from collections.abc import Mapping
from typing import Any

from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sensors.intake import Arrivals
from stream_app.monitors.sensors.outcome import Outcome
from stream_app.monitors.sensors.source import SourceMonitor

__all__ = ["SensorMonitor"]


class SensorMonitor:
    """Watches the sources of one partition.

    The same readings in the same order give the same alerts and states, wherever batches begin and end.

    Parameters
    ----------
    config : SensorConfig
        Settings.
    """

    def __init__(self, config: SensorConfig) -> None:
        self._config = config
        self._sources: dict[str, SourceMonitor] = {}

    def update(self, source: str, arrivals: Arrivals, partition: int = 0) -> Outcome:
        """Take readings of one source, in the order of their offsets.

        Parameters
        ----------
        source : str
            Whose.
        arrivals : Arrivals
            At least one reading.
        partition : int
            Where they came from; part of the identity of their alerts.
        """
        monitor = self._sources.get(source)
        if monitor is None:
            monitor = self._sources[source] = SourceMonitor(source, self._config)
        return monitor.update(arrivals, partition)

    def __len__(self) -> int:
        return len(self._sources)

    def sources(self) -> list[str]:
        """Names of all sources seen."""
        return list(self._sources)

    def features(self, source: str) -> tuple[float, Mapping[str, float | None]]:
        """Return the time of the newest reading of a source, and its live features."""
        return self._sources[source].features()

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""
        return self._sources[source].state()

    def restore(self, source: str, state: Mapping[str, Any]) -> None:
        """Put a source back where its state was taken.

        Raises
        ------
        StateError
            If it is of another version.
        """
        self._sources[source] = SourceMonitor.from_state(state, source, self._config)
