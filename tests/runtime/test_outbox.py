"""Alerts reach their topics from the outbox: all of them, in order, whoever owns the partition."""

import asyncio
import json
import time

import pytest
from conftest import eventually

from stream_app.embedded import EmbeddedBroker
from stream_app.errors import BrokerError, BrokerUnavailableError, FencedError
from stream_app.events import Alert, AlertState, LogId, Severity, Topics, alert_id
from stream_app.events.audit import AuditKind, AuditRecord
from stream_app.events.trigger import RetrainingTrigger, TriggerReason
from stream_app.kafka import ensure_topics, start_producer
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outbox import Outbox
from stream_app.settings import KafkaSettings
from stream_app.store import (
    AlertWriter,
    CheckpointStore,
    Fence,
    IncidentReader,
    NoticeWriter,
    OutboxStore,
)

pytestmark = pytest.mark.integration

TOPIC = "sensor.readings"


def alert(offset, state=AlertState.FIRING, kind="drift"):
    return Alert(
        id=alert_id("sensors", "pump", "adwin", "flow", LogId(0), offset),
        stream="sensors",
        source="pump",
        kind=kind,
        detector="adwin",
        channel="flow",
        state=state,
        severity=Severity.WARNING,
        started_at=1000.0 + offset,
        ended_at=2000.0 if state is AlertState.RESOLVED else None,
        partition=0,
        offset=offset,
        statistic=1.0,
        threshold=0.5,
        summary="flow fell",
    )


class Owner:
    """A worker that owns one partition."""

    def __init__(self, store, producer, topics, **options):
        self.store = store
        self.fence = None
        self.metrics = Metrics()
        self.outbox = Outbox(
            OutboxStore(store), producer, topics, self.claims, metrics=self.metrics, **options
        )

    def claims(self):
        return [self.fence.claim] if self.fence else []

    async def claim(self):
        claim = await CheckpointStore(self.store, "g").claim(TOPIC, 0)
        self.fence = Fence(claim, claim.next_offset)
        return self

    async def tell(self, *alerts):
        self.outbox.added(sum(await AlertWriter(self.store).write(alerts, self.fence)))


@pytest.fixture
async def topics(kafka, prefix):
    topics = Topics(prefix)
    await ensure_topics(kafka, dict.fromkeys(topics.all_alerts(), 1), create=True)
    return topics


@pytest.fixture
def owner(store, producer, topics):
    def make(**options):
        return Owner(store, producer, topics, **options)

    return make


def told(records):
    return [Alert.from_cloudevent(json.loads(record.value)) for record in records]


async def test_alerts_are_published_in_order_and_removed(owner, topics, read_topic):
    worker = await owner().claim()
    running = asyncio.create_task(worker.outbox.run())
    drifts = [alert(n) for n in range(300)] + [alert(5, AlertState.RESOLVED)]
    await worker.tell(*drifts[:150])
    await worker.tell(alert(1000, kind="anomaly"))
    await worker.tell(*drifts[150:])
    assert told(await read_topic(topics.alerts("drift"), len(drifts))) == drifts
    records = await read_topic(topics.alerts("anomaly"), 1)
    assert told(records) == [alert(1000, kind="anomaly")]
    assert records[0].key == b"pump"
    assert dict(records[0].headers)["content-type"] == b"application/cloudevents+json"
    await eventually(lambda: worker.outbox.backlog == 0)
    assert worker.outbox.failing_since is None
    running.cancel()


@pytest.mark.slow
async def test_what_an_earlier_owner_left_is_published_by_the_next_and_once(owner, topics, read_topic):
    dead = await owner().claim()
    await dead.tell(alert(1), alert(2))
    heir = await owner().claim()
    running = asyncio.create_task(heir.outbox.run())
    assert told(await read_topic(topics.alerts("drift"), 2)) == [alert(1), alert(2)]
    # The batch is processed again by the heir: its alerts are known.
    await heir.tell(alert(1), alert(2), alert(3))
    await eventually(lambda: heir.outbox.backlog == 0)
    assert told(await read_topic(topics.alerts("drift"), 4, timeout=3.0)) == [alert(1), alert(2), alert(3)]
    running.cancel()


async def test_a_zombie_removes_nothing_and_is_told(owner):
    zombie = await owner().claim()
    await zombie.tell(alert(1))
    heir = await owner().claim()
    with pytest.raises(FencedError, match="owned by another worker"):
        await zombie.outbox.drain()
    assert await OutboxStore(heir.store).lengths(heir.claims()) == 1


async def test_a_partition_that_was_given_up_meanwhile_is_none_of_ours(owner):
    worker = await owner().claim()
    await worker.tell(alert(1))
    claims = worker.claims()
    await owner().claim()
    worker.fence = None
    await worker.outbox.drain(claims)


async def test_the_last_alerts_can_be_published_after_the_partition_was_given_up(owner, topics, read_topic):
    worker = await owner().claim()
    await worker.tell(alert(1))
    claims = worker.claims()
    worker.fence = None
    await worker.outbox.drain(claims)
    assert told(await read_topic(topics.alerts("drift"), 1)) == [alert(1)]
    assert await OutboxStore(worker.store).lengths(claims) == 0


@pytest.fixture
async def broken(monkeypatch):
    """A producer whose broker can be stopped."""
    monkeypatch.setattr("stream_app.runtime.outbox._PATIENCE_SECONDS", 0.2)
    broker = EmbeddedBroker()
    kafka = KafkaSettings(bootstrap=broker.start())
    await ensure_topics(kafka, dict.fromkeys(Topics().all_alerts(), 1), create=True)
    producer = await start_producer(kafka)
    yield broker, producer
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait((stopping,), timeout=1.0)
    stopping.cancel()
    broker.stop()


async def test_a_broker_that_is_away_holds_up_nothing_until_too_many_wait(store, broken):
    broker, producer = broken
    worker = await Owner(store, producer, Topics(), limit=5).claim()
    running = asyncio.create_task(worker.outbox.run())
    await worker.tell(alert(0))
    await eventually(lambda: worker.outbox.backlog == 0)
    broker.stop()
    for n in range(1, 6):
        worker.outbox.check_room()
        await worker.tell(alert(n))
    with pytest.raises(BrokerUnavailableError, match="5 alerts wait"):
        worker.outbox.check_room()
    await eventually(lambda: worker.outbox.failing_since is not None)
    assert worker.outbox.failure
    assert worker.metrics.registry.get_sample_value("streamgauge_outbox_alerts") == 5
    # They are safe, for whoever comes next.
    assert await OutboxStore(store).lengths(worker.claims()) == 5
    running.cancel()


async def test_an_answer_that_waits_for_the_loop_is_no_outage(owner, producer, monkeypatch):
    monkeypatch.setattr("stream_app.runtime.outbox._PATIENCE_SECONDS", 0.5)
    worker = await owner().claim()
    send = producer.send

    async def send_and_stand_still(*args, **kwargs):
        sent = await send(*args, **kwargs)
        # Kafka's answer is not read before the patience of a clock on the wall has ended.
        asyncio.get_running_loop().call_soon(time.sleep, 1.0)
        return sent

    monkeypatch.setattr(producer, "send", send_and_stand_still)
    failures = []
    monkeypatch.setattr(worker.outbox, "_fails", failures.append)
    await worker.tell(alert(1))
    await worker.outbox.drain()
    assert failures == []


async def test_a_topic_that_refuses_an_alert_is_told(store, owner):
    worker = await owner().claim()
    await worker.tell(alert(1).model_copy(update={"summary": "x" * 2_000_000}))
    with pytest.raises(BrokerError, match="refuses alerts"):
        await worker.outbox.drain()


async def test_notices_go_to_their_own_topics_between_the_alerts(owner, topics, read_topic, kafka):
    await ensure_topics(kafka, {topics.triggers: 1, topics.audit: 1}, create=True)
    worker = await owner().claim()
    reason = TriggerReason(kind="psi", since=1.0, statistic=0.3, threshold=0.2, summary="ink: PSI 0.3")
    trigger = RetrainingTrigger.of(
        "models", "digits", log=LogId(0), offset=2, ts=5.0, version="v1", reasons=(reason,)
    )
    record = AuditRecord.triggered(trigger)
    await worker.tell(alert(1))
    worker.outbox.added(sum(await NoticeWriter(worker.store).write([trigger, record], worker.fence)))
    await worker.tell(alert(2))
    await worker.outbox.drain()
    (sent,) = await read_topic(topics.triggers, 1)
    assert RetrainingTrigger.from_cloudevent(json.loads(sent.value)) == trigger
    assert sent.key == b"digits"
    (sent,) = await read_topic(topics.audit, 1)
    assert AuditRecord.from_cloudevent(json.loads(sent.value)) == record
    assert told(await read_topic(topics.alerts("drift"), 2)) == [alert(1), alert(2)]
    assert worker.outbox.backlog == 0


async def test_what_people_did_reaches_the_audit_log_once_and_is_removed(
    owner, topics, read_topic, kafka, store
):
    await ensure_topics(kafka, {topics.audit: 1}, create=True)
    reader, case = IncidentReader(store), alert(1).case
    for number, who in enumerate(("Ada", "Ben")):
        await reader.say(case, AuditKind.ACKNOWLEDGED, by=who, at=float(number))
    worker = owner()
    await worker.outbox.drain()
    await worker.outbox.drain()
    records = await read_topic(topics.audit, 3, timeout=2.0)
    assert [AuditRecord.from_cloudevent(json.loads(record.value)).by for record in records] == ["Ada", "Ben"]
