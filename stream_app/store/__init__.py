"""Readers and writers of Redis: alerts, features, checkpoints."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.store.alerts import AlertReader, AlertWriter, Notice, NoticeWriter
    from stream_app.store.calibrations import CalibrationStore
    from stream_app.store.checkpoints import Checkpoint, CheckpointStore, LastSeen
    from stream_app.store.connection import Store, connect, open_store
    from stream_app.store.feature_logs import GRACE_SECONDS, FeatureLogReader, FeatureLogWriter, StoredLog
    from stream_app.store.features import FeatureReader, FeatureRow, FeatureWriter, look_live_up
    from stream_app.store.fence import Claim, Fence
    from stream_app.store.firing import FiringAlerts, FreshnessStore, StoredEvent
    from stream_app.store.history import History, HistoryWriter, Series, look_history_up
    from stream_app.store.incidents import IncidentReader, IncidentStatus, Note, NoteKind
    from stream_app.store.keys import Keys
    from stream_app.store.lease import Lease
    from stream_app.store.lookup import FeatureLookup
    from stream_app.store.outbox import OutboxEntry, OutboxStore
    from stream_app.store.ownership import Ownership
    from stream_app.store.packing import pack_state, unpack_state
    from stream_app.store.platforms import PlatformReader, PlatformSnapshot, PlatformWriter
    from stream_app.store.references import ActiveReference, ReferenceStore, ReferenceVersion
    from stream_app.store.rounds import BlockingStore, Query, run_query
    from stream_app.store.routes import GroupRead, Member, RouteStore, Told, revision
    from stream_app.store.silences import Silence, SilenceStore
    from stream_app.store.views import RegisteredView, ViewRegistry

__all__ = [
    "GRACE_SECONDS",
    "ActiveReference",
    "AlertReader",
    "AlertWriter",
    "BlockingStore",
    "CalibrationStore",
    "Checkpoint",
    "CheckpointStore",
    "Claim",
    "FeatureLogReader",
    "FeatureLogWriter",
    "FeatureLookup",
    "FeatureReader",
    "FeatureRow",
    "FeatureWriter",
    "Fence",
    "FiringAlerts",
    "FreshnessStore",
    "GroupRead",
    "History",
    "HistoryWriter",
    "IncidentReader",
    "IncidentStatus",
    "Keys",
    "LastSeen",
    "Lease",
    "Member",
    "Note",
    "NoteKind",
    "Notice",
    "NoticeWriter",
    "OutboxEntry",
    "OutboxStore",
    "Ownership",
    "PlatformReader",
    "PlatformSnapshot",
    "PlatformWriter",
    "Query",
    "ReferenceStore",
    "ReferenceVersion",
    "RegisteredView",
    "RouteStore",
    "Series",
    "Silence",
    "SilenceStore",
    "Store",
    "StoredEvent",
    "StoredLog",
    "Told",
    "ViewRegistry",
    "connect",
    "look_history_up",
    "look_live_up",
    "open_store",
    "pack_state",
    "revision",
    "run_query",
    "unpack_state",
]

_MODULES = {
    "CalibrationStore": "store.calibrations",
    "ReferenceVersion": "store.references",
    "ReferenceStore": "store.references",
    "ActiveReference": "store.references",
    "AlertReader": "store.alerts",
    "AlertWriter": "store.alerts",
    "BlockingStore": "store.rounds",
    "Checkpoint": "store.checkpoints",
    "CheckpointStore": "store.checkpoints",
    "Claim": "store.fence",
    "FeatureLogReader": "store.feature_logs",
    "FeatureLogWriter": "store.feature_logs",
    "FeatureLookup": "store.lookup",
    "FeatureReader": "store.features",
    "FeatureRow": "store.features",
    "FeatureWriter": "store.features",
    "Fence": "store.fence",
    "FiringAlerts": "store.firing",
    "FreshnessStore": "store.firing",
    "GRACE_SECONDS": "store.feature_logs",
    "GroupRead": "store.routes",
    "History": "store.history",
    "HistoryWriter": "store.history",
    "IncidentReader": "store.incidents",
    "IncidentStatus": "store.incidents",
    "Keys": "store.keys",
    "LastSeen": "store.checkpoints",
    "Lease": "store.lease",
    "Member": "store.routes",
    "Note": "store.incidents",
    "NoteKind": "store.incidents",
    "Notice": "store.alerts",
    "NoticeWriter": "store.alerts",
    "OutboxEntry": "store.outbox",
    "OutboxStore": "store.outbox",
    "Ownership": "store.ownership",
    "PlatformReader": "store.platforms",
    "PlatformSnapshot": "store.platforms",
    "PlatformWriter": "store.platforms",
    "Query": "store.rounds",
    "RegisteredView": "store.views",
    "RouteStore": "store.routes",
    "Series": "store.history",
    "Silence": "store.silences",
    "SilenceStore": "store.silences",
    "Store": "store.connection",
    "StoredEvent": "store.firing",
    "StoredLog": "store.feature_logs",
    "Told": "store.routes",
    "ViewRegistry": "store.views",
    "connect": "store.connection",
    "look_history_up": "store.history",
    "look_live_up": "store.features",
    "open_store": "store.connection",
    "pack_state": "store.packing",
    "revision": "store.routes",
    "run_query": "store.rounds",
    "unpack_state": "store.packing",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
