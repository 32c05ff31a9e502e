"""Helpers for tests of what is built on Streamgauge: events, a clock, a monitor in memory, the checks of detectors.

Only `run_worker` and `send_events` need servers, which they start, or are given.
"""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names
from stream_app.testing.clock import Clock
from stream_app.testing.detectors import DetectorReport, check_detector
from stream_app.testing.events import reading, readings
from stream_app.testing.monitor import MonitorRun, run_monitor

if TYPE_CHECKING:
    from stream_app.testing.worker import run_worker, send_events

__all__ = [
    "Clock",
    "DetectorReport",
    "MonitorRun",
    "check_detector",
    "reading",
    "readings",
    "run_monitor",
    "run_worker",
    "send_events",
]

if not TYPE_CHECKING:  # a worker takes a second to load, which tests without one need not wait for
    __getattr__ = lazy_names(__name__, dict.fromkeys(("run_worker", "send_events"), "testing.worker"))
