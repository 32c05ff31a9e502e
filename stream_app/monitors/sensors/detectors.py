"""The detectors of one group of channels, behind one small protocol."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal
from stream_app.monitors.sensors.config import SensorConfig

__all__ = ["Detector", "build_detectors", "restore_detectors"]


class Detector(Protocol):
    """What a monitor needs of a detector."""

    def update(self, ts: FloatArray, values: FloatArray) -> Sequence[Signal]:
        """Take readings, shape (n,) and (n, d), and return what was seen."""
        ...

    def features(self) -> Mapping[str, float | None]:
        """Scores to serve beside the window's statistics."""
        ...

    def state(self) -> dict[str, Any]:
        """Plain values."""
        ...


def build_detectors(channels: tuple[str, ...], config: SensorConfig) -> dict[str, Detector]:
    """Make the detectors of some channels."""
    return {}


def restore_detectors(
    states: Mapping[str, Mapping[str, Any]], channels: tuple[str, ...], config: SensorConfig
) -> dict[str, Detector]:
    """Go on with detectors where their states were taken; detectors new in the settings start afresh."""
    return {}
