"""The session monitor: events of many entities in, the changed logs of their feature views out."""

from stream_app.monitors.sessions.config import SessionConfig
from stream_app.monitors.sessions.freshness import NewestEvent, judge_freshness
from stream_app.monitors.sessions.monitor import SessionMonitor, Taken
from stream_app.monitors.sessions.outcome import LogChange, SessionArrivals, SessionOutcome
from stream_app.monitors.sessions.refusals import RefusedRun

__all__ = [
    "LogChange",
    "NewestEvent",
    "RefusedRun",
    "SessionArrivals",
    "SessionConfig",
    "SessionMonitor",
    "SessionOutcome",
    "Taken",
    "judge_freshness",
]
