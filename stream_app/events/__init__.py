"""The wire: what events, alerts and dead letters look like."""

from stream_app.events.alert import Alert, AlertState, Severity, alert_id
from stream_app.events.audit import MONITOR, AuditKind, AuditRecord
from stream_app.events.dead_letter import DeadLetter, Header, Reason
from stream_app.events.decoding import Rejected, SensorRow, decode_reading, decode_readings
from stream_app.events.prediction import PredictionEvent
from stream_app.events.prediction_decoding import PredictionRow, decode_prediction, decode_predictions
from stream_app.events.readings import Group, ReadingDecoder, Readings
from stream_app.events.sensor import SensorReading, parse_event_time
from stream_app.events.session import SessionEvent
from stream_app.events.session_decoding import SessionRow, decode_session, decode_sessions
from stream_app.events.topics import Topics
from stream_app.events.trigger import RetrainingTrigger, TriggerKind, TriggerReason, trigger_id

__all__ = [
    "MONITOR",
    "Alert",
    "AlertState",
    "AuditKind",
    "AuditRecord",
    "DeadLetter",
    "Group",
    "Header",
    "PredictionEvent",
    "PredictionRow",
    "ReadingDecoder",
    "Readings",
    "Reason",
    "Rejected",
    "RetrainingTrigger",
    "SensorReading",
    "SensorRow",
    "SessionEvent",
    "SessionRow",
    "Severity",
    "Topics",
    "TriggerKind",
    "TriggerReason",
    "alert_id",
    "decode_prediction",
    "decode_predictions",
    "decode_reading",
    "decode_readings",
    "decode_session",
    "decode_sessions",
    "parse_event_time",
    "trigger_id",
]
