"""Compilation of the monitor's kernels before the first reading."""

from collections.abc import Iterable

from stream_app.events import SensorRow
from stream_app.events.readings import Readings
from stream_app.monitors.sensors.monitor import SensorMonitor
from stream_app.settings.streams import ImageStream, SensorStream

__all__ = ["compile_kernels"]


def compile_kernels(draws: Iterable[bool] = (False, True)) -> None:
    """Load the machine code of the monitor's kernels, or compile what is not on disk, which may take a minute.

    They are compiled for the types of their arguments and not for the number of channels, so one reading does it.

    Parameters
    ----------
    draws : iterable of bool
        For which kinds of sources, see `SensorStream.draws`; for all by default.

    Examples
    --------
    >>> compile_kernels()
    """
    for kind in draws:
        monitor = SensorMonitor(ImageStream() if kind else SensorStream())
        monitor.update(Readings.of([SensorRow("any", 0.0, {"x": 0.0})]))
        monitor.features_of(["any"])
