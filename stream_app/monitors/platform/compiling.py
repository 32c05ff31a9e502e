"""Compilation of the kernels of the platform monitor before the first event."""

from stream_app.events.platform import MetricSample, PlatformRow
from stream_app.monitors.platform.monitor import PlatformMonitor
from stream_app.monitors.platform.outcome import Arrivals
from stream_app.settings.platform import PlatformStream

__all__ = ["compile_platform_kernels"]

_MINUTES = 8


def compile_platform_kernels() -> None:
    """Load the machine code of the monitor's kernels, or compile what is not on disk, which may take half a minute.

    They are compiled for the types of their arguments, so a few windows of two series do it.
    """
    names = ("node_load1", "node_disk_io_time_seconds_total")
    labels = (("instance", "any"),)
    rows: list[PlatformRow] = [
        MetricSample("any", 60.0 * i, name, labels, float(i)) for i in range(_MINUTES) for name in names
    ]
    monitor = PlatformMonitor(PlatformStream())
    monitor.take(Arrivals(rows, list(range(len(rows))), [row.ts for row in rows]))
