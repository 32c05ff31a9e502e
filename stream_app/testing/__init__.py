"""For tests of what is built on Streamgauge: events to give, a clock to advance, a monitor in memory.

Nothing here needs a broker, a store or a file.
"""

from stream_app.testing.clock import Clock
from stream_app.testing.events import reading, readings
from stream_app.testing.monitor import MonitorRun, run_monitor

__all__ = ["Clock", "MonitorRun", "reading", "readings", "run_monitor"]
