"""Events that compaction removed before a worker read them are told and counted."""

import json
import time

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from conftest import REAL, eventually
from structlog.testing import capture_logs
from workers import working

from stream_app.kafka import client_options, consumer_options
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.missing_events import MissingEvents
from stream_app.store import FeatureReader

SENT = 50


def test_a_warning_says_how_many_since_the_last_one():
    now = 0.0
    metrics = Metrics()
    missing = MissingEvents({"t"}, metrics, clock=lambda: now)
    with capture_logs() as said:
        for seconds, count in ((0.0, 3), (1.0, 4), (59.0, 5), (61.0, 6)):
            now = seconds
            missing.note("t", count)
    assert [line["missing"] for line in said] == [3, 15]
    assert metrics.registry.get_sample_value("streamgauge_missing_events_total", {"topic": "t"}) == 18


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.skipif(not REAL, reason="the embedded broker does not compact")
async def test_a_worker_tells_what_compaction_removed(settings, kafka, store, producer, prefix):
    topic = f"{prefix}.sensor.readings"
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    policy = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "10000"}
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=policy)])
    await admin.close()
    begin = time.time() - 60

    async def send(number, ts):
        event = {"source": "pump", "ts": ts + number / 100, "values": {"flow": float(number)}}
        sent = await producer.send_and_wait(
            topic, json.dumps(event).encode(), key=b"pump", timestamp_ms=int(ts * 1000)
        )
        return sent.offset

    async def is_compacted():
        consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **consumer_options(kafka))
        await consumer.start()
        try:
            return (await consumer.getone()).offset == SENT - 1
        finally:
            await consumer.stop()

    for number in range(SENT):
        await send(number, begin)
    # It is of another segment: those before it may be compacted.
    end = await send(SENT, begin + 20) + 1
    await eventually(is_compacted, timeout=90)
    with capture_logs() as said:
        async with working(settings) as (worker, _):

            async def caught_up():
                raw = await store.client.hget(store.keys.offsets(settings.worker.group, topic, 0), "next")
                return raw is not None and int(raw) == end

            await eventually(caught_up, timeout=30)
            missing = worker.metrics.missing.labels(topic)._value.get()
    row = await FeatureReader(store, "sensors").get("pump")
    assert missing == SENT - 1
    assert row.values["events"] == 2
    assert [line["topic"] for line in said if line["event"].startswith("Kafka compacts this topic")] == [
        topic
    ]
    assert [line["topic"] for line in said if line["event"].startswith("events are gone unprocessed")] == [
        topic
    ]
