"""Channels that appeared together, with their window and their detectors."""

from collections.abc import Mapping
from typing import Any, Self

from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal
from stream_app.core.windows import RollingWindow
from stream_app.errors import StateError
from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sensors.detectors import Detector, build_detectors, restore_detectors

__all__ = ["ChannelGroup"]


class ChannelGroup:
    """Window and detectors of the channels that a source had from one event on.

    A source whose channels are declared has one group. Where they are learned, channels that come later get a
    group of their own: they start to learn while the others go on.

    Parameters
    ----------
    channels : tuple of str
        Names.
    config : SensorConfig
        Settings.
    """

    def __init__(self, channels: tuple[str, ...], config: SensorConfig) -> None:
        self.channels = channels
        self.window = RollingWindow(channels, rows=config.window_rows, seconds=config.window_seconds)
        self.detectors: dict[str, Detector] = build_detectors(channels, config)

    def update(self, ts: FloatArray, values: FloatArray) -> list[Signal]:
        """Take readings, shape (n,) and (n, d); return what the detectors saw, in the order of the rows."""
        self.window.update(ts, values)
        signals = [signal for detector in self.detectors.values() for signal in detector.update(ts, values)]
        signals.sort(key=lambda signal: signal.row)
        return signals

    def features(self) -> dict[str, float | None]:
        """Statistics of the window and scores of the detectors, by ``channel.statistic``."""
        values: dict[str, float | None] = {
            f"{channel}.{name}": value
            for channel, statistics in self.window.summary().to_dict().items()
            for name, value in statistics.items()
        }
        for detector in self.detectors.values():
            values.update(detector.features())
        return values

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "channels": list(self.channels),
            "window": self.window.state(),
            "detectors": {name: detector.state() for name, detector in self.detectors.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], config: SensorConfig) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        StateError
            If the settings name other detectors than the state has.
        """
        group = cls.__new__(cls)
        group.channels = tuple(state["channels"])
        group.window = RollingWindow.from_state(state["window"])
        group.detectors = restore_detectors(state["detectors"], group.channels, config)
        if group.window.channels != group.channels:
            raise StateError(f"a window of {group.window.channels} in a group of {group.channels}")
        return group
