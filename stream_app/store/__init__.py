"""Readers and writers of Redis: alerts, features, checkpoints."""

from stream_app.store.alerts import AlertReader, AlertWriter
from stream_app.store.checkpoints import Checkpoint, CheckpointStore, Seen
from stream_app.store.connection import Store, connect
from stream_app.store.feature_logs import FeatureLogReader, FeatureLogWriter, StoredLog
from stream_app.store.features import FeatureReader, FeatureRow, FeatureWriter
from stream_app.store.fence import Claim, Fence
from stream_app.store.keys import Keys
from stream_app.store.outbox import OutboxEntry, OutboxStore
from stream_app.store.packing import pack_state, unpack_state
from stream_app.store.views import RegisteredView, ViewRegistry

__all__ = [
    "AlertReader",
    "AlertWriter",
    "Checkpoint",
    "CheckpointStore",
    "Claim",
    "FeatureLogReader",
    "FeatureLogWriter",
    "FeatureReader",
    "FeatureRow",
    "FeatureWriter",
    "Fence",
    "Keys",
    "OutboxEntry",
    "OutboxStore",
    "RegisteredView",
    "Seen",
    "Store",
    "StoredLog",
    "ViewRegistry",
    "connect",
    "pack_state",
    "unpack_state",
]
