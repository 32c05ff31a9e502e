"""Wire formats: events, alerts and dead letters."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.events.alert import Alert, alert_id
    from stream_app.events.audit import MONITOR, AuditKind, AuditRecord
    from stream_app.events.categories import category_code, category_name
    from stream_app.events.cloudevent import MAX_INSTANT
    from stream_app.events.dead_letter import DeadLetter, Header, Reason, Record, record_times
    from stream_app.events.decoding import Rejected, SensorRow, decode_reading, decode_readings
    from stream_app.events.excerpt import Excerpt
    from stream_app.events.formats import JSON, Format
    from stream_app.events.identity import ONLY_LOG, LogId, TracedLog
    from stream_app.events.incident import AlertState, Incident, Severity, grouped
    from stream_app.events.layout import SENSOR_LAYOUT, Layout
    from stream_app.events.mapped import DecodedRows, decode_mapped
    from stream_app.events.output import output_header, output_topic
    from stream_app.events.places import Envelope, Place
    from stream_app.events.platform import (
        MetricSample,
        PlatformChange,
        PlatformEvent,
        PlatformRow,
        QueryCompletion,
    )
    from stream_app.events.platform_decoding import PlatformDecoder
    from stream_app.events.prediction import (
        PredictionEvent,
        PredictionRow,
        decode_prediction,
        decode_predictions,
        read_prediction,
    )
    from stream_app.events.readings import Group, ReadingDecoder, Readings
    from stream_app.events.rejection import MessageError
    from stream_app.events.sensor import SensorReading, parse_event_time
    from stream_app.events.session import (
        SessionEvent,
        SessionRow,
        decode_session,
        decode_sessions,
        read_session,
    )
    from stream_app.events.sql import QueryClass, query_class
    from stream_app.events.topics import Topics
    from stream_app.events.trace import TraceContext
    from stream_app.events.trigger import RetrainingTrigger, TriggerKind, TriggerReason, trigger_id

__all__ = [
    "JSON",
    "MAX_INSTANT",
    "MONITOR",
    "ONLY_LOG",
    "SENSOR_LAYOUT",
    "Alert",
    "AlertState",
    "AuditKind",
    "AuditRecord",
    "DeadLetter",
    "DecodedRows",
    "Envelope",
    "Excerpt",
    "Format",
    "Group",
    "Header",
    "Incident",
    "Layout",
    "LogId",
    "MessageError",
    "MetricSample",
    "Place",
    "PlatformChange",
    "PlatformDecoder",
    "PlatformEvent",
    "PlatformRow",
    "PredictionEvent",
    "PredictionRow",
    "QueryClass",
    "QueryCompletion",
    "ReadingDecoder",
    "Readings",
    "Reason",
    "Record",
    "Rejected",
    "RetrainingTrigger",
    "SensorReading",
    "SensorRow",
    "SessionEvent",
    "SessionRow",
    "Severity",
    "Topics",
    "TraceContext",
    "TracedLog",
    "TriggerKind",
    "TriggerReason",
    "alert_id",
    "category_code",
    "category_name",
    "decode_mapped",
    "decode_prediction",
    "decode_predictions",
    "decode_reading",
    "decode_readings",
    "decode_session",
    "decode_sessions",
    "grouped",
    "output_header",
    "output_topic",
    "parse_event_time",
    "query_class",
    "read_prediction",
    "read_session",
    "record_times",
    "trigger_id",
]

_MODULES = {
    "Alert": "events.alert",
    "AlertState": "events.incident",
    "AuditKind": "events.audit",
    "AuditRecord": "events.audit",
    "DeadLetter": "events.dead_letter",
    "Envelope": "events.places",
    "Excerpt": "events.excerpt",
    "Format": "events.formats",
    "Group": "events.readings",
    "Header": "events.dead_letter",
    "Incident": "events.incident",
    "JSON": "events.formats",
    "Layout": "events.layout",
    "LogId": "events.identity",
    "MAX_INSTANT": "events.cloudevent",
    "MONITOR": "events.audit",
    "MessageError": "events.rejection",
    "MetricSample": "events.platform",
    "ONLY_LOG": "events.identity",
    "Place": "events.places",
    "PlatformChange": "events.platform",
    "PlatformDecoder": "events.platform_decoding",
    "PlatformEvent": "events.platform",
    "PlatformRow": "events.platform",
    "PredictionEvent": "events.prediction",
    "PredictionRow": "events.prediction",
    "QueryClass": "events.sql",
    "QueryCompletion": "events.platform",
    "ReadingDecoder": "events.readings",
    "Readings": "events.readings",
    "Reason": "events.dead_letter",
    "Record": "events.dead_letter",
    "Rejected": "events.decoding",
    "RetrainingTrigger": "events.trigger",
    "SENSOR_LAYOUT": "events.layout",
    "SensorReading": "events.sensor",
    "SensorRow": "events.decoding",
    "SessionEvent": "events.session",
    "SessionRow": "events.session",
    "Severity": "events.incident",
    "Topics": "events.topics",
    "TraceContext": "events.trace",
    "TracedLog": "events.identity",
    "TriggerKind": "events.trigger",
    "TriggerReason": "events.trigger",
    "alert_id": "events.alert",
    "category_code": "events.categories",
    "category_name": "events.categories",
    "DecodedRows": "events.mapped",
    "decode_mapped": "events.mapped",
    "decode_prediction": "events.prediction",
    "decode_predictions": "events.prediction",
    "decode_reading": "events.decoding",
    "decode_readings": "events.decoding",
    "decode_session": "events.session",
    "decode_sessions": "events.session",
    "grouped": "events.incident",
    "output_header": "events.output",
    "output_topic": "events.output",
    "parse_event_time": "events.sensor",
    "query_class": "events.sql",
    "read_prediction": "events.prediction",
    "read_session": "events.session",
    "record_times": "events.dead_letter",
    "trigger_id": "events.trigger",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
