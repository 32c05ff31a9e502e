"""A store and topics with models, entities, refused events and spent budgets in them, for the tests of the dashboard's further pages."""

import time

import msgspec
import numpy as np
from seeded import PASSWORD, RULES, keep_history
from serving import Shop, bought, purchases

from stream_app.events import Alert, AlertState, AuditRecord, DeadLetter, LogId, Reason, Severity, Topics
from stream_app.kafka import ensure_topics, start_producer
from stream_app.store import AlertWriter, FeatureRow, FeatureWriter, connect
from stream_app.store.ownership import Ownership

USER = "reports"
HOSTILE = "<img src=x onerror=alert(1)>"
MONITOR_FILE = """
[streams.pumps]
topic = "readings"
budget = "1 per day"

[streams.counted]
topic = "counted"
budget = "1 per 1000 events"
"""

_DIGITS = {
    "accuracy": 0.912, "accuracy.low": 0.886, "accuracy.high": 0.934, "baseline.accuracy": 0.97, "below_baseline": 1.0,
    "precision": 0.9, "recall": 0.91, "f1": 0.905, "log_loss": 0.31, "ece": 0.04, "labelled": 4200.0, "all.accuracy": 0.951,
    "estimated_accuracy": 0.9, "estimated_accuracy.by_confidence": 0.91, "estimated_accuracy.error": 0.01, "slices": 1.0,
    "class.seven.precision": 0.88, "class.seven.recall": 0.7, "class.seven.f1": 0.78,
    "version.v1.labelled": 2100.0, "version.v1.accuracy": 0.9, "version.v1.best": 0.02, "version.v1.loss": 0.02,
    "version.v2.labelled": 2100.0, "version.v2.accuracy": 0.92, "version.v2.best": 0.98, "version.v2.loss": 0.0001,
    "challenger.decided": 1.0, "challenger.switch": 1.0,
    "fairness.hand.disparate_impact": 0.71, "fairness.hand.violated": 1.0,
    "fairness.hand.left.selection": 0.5, "fairness.hand.left.accuracy": 0.85,
    "fairness.hand.right.selection": 0.7, "fairness.hand.right.accuracy": 0.95,
}  # fmt: skip


def alert(
    offset,
    height,
    *,
    stream="pumps",
    source="pump-1",
    detector="anomaly",
    kind="anomaly",
    summary="flow lower",
    threshold=5.0,
):
    """An alert of the last hours that fires, with a threshold of five decades."""
    return Alert.begun(
        stream, source, detector, LogId(0), offset, kind=kind, severity=Severity.WARNING,
        started_at=time.time() - 3600.0 - offset, statistic=height, threshold=threshold, summary=summary,
    )  # fmt: skip


async def fill_store(settings):
    """Write alerts of which one is rare enough for a week's budget, a model with a weak slice, and a customer."""
    store = await connect(settings)
    now = time.time()
    # As documented, for another prefix than that of the other pages' tests.
    rules = RULES.replace("sg:", f"{store.keys.prefix}:").split()
    await store.client.execute_command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", *rules)
    await Ownership(store).take(
        {"stream.pumps": "sensors from readings", "stream.models": "predictions from predictions"}
    )
    model = FeatureRow("digits", 7, now - 3.0, now, _DIGITS)
    await FeatureWriter(store, "models").write([model])
    slice_ = alert(
        4, 0.31, stream="models", source="digits", detector="slice", kind="performance", threshold=0.09, summary="error rate 31.0% where ink < 0.2"
    )  # fmt: skip
    drift = alert(3, 21.0, detector="ecusum", kind="drift", source="pump-3")
    ended = alert(2, 5.4, source="pump-2")
    await AlertWriter(store).write([alert(1, 6.3), ended, drift, slice_])
    await AlertWriter(store).write([ended.model_copy(update={"state": AlertState.RESOLVED, "ended_at": now})])
    ts = now - 21_600.0 + np.arange(0.0, 21_600.0, 5.0)
    # Two hours ago, rarer than once in 30,000 readings, and nothing was told.
    await keep_history(store, "pump-1", ts, np.where(np.abs(ts - now + 7200.0) < 60.0, 4.6, 1.0))
    await store.close()
    shop = await Shop(settings, purchases(1)).register()
    await shop.sell(bought("17850", now - 7200.0, 4.0), bought("17850", now - 90.0, 2.5, "b"))


async def fill_topics(kafka, prefix):
    """Write two refused events, and a retraining trigger of the model."""
    topics = Topics(prefix)
    names = {topics.dead_letters: 1, topics.audit: 1, f"{prefix}.readings": 1}
    await ensure_topics(kafka, names, create=True)
    producer = await start_producer(kafka)
    try:
        for offset, value in enumerate((b'{"n": 1, "x": "<b>"}', b"\xff\x00\x01")):
            letter = DeadLetter(
                topic=f"{prefix}.readings", partition=0, offset=offset, key=b"pump-1", value=value,
                timestamp=int(1000 * time.time()), reason=Reason.SCHEMA, message=f"ts is missing {HOSTILE}",
            )  # fmt: skip
            await producer.send_and_wait(
                topics.dead_letters, letter.value, key=letter.key, headers=letter.headers(), partition=0
            )
        record = AuditRecord.version_seen(
            "models", "digits", "v2", ts=time.time(), log=LogId(0), offset=7, before="v1"
        )
        await producer.send_and_wait(topics.audit, msgspec.json.encode(record.to_cloudevent()), partition=0)
    finally:
        await producer.stop()
