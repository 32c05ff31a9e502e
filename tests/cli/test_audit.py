"""``streamgauge audit`` and ``triggers`` over a broker that holds both, some of it twice."""

import asyncio
import json
import signal

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream_app.events import AuditRecord, LogId, RetrainingTrigger, Topics, TriggerReason
from stream_app.kafka import client_options, ensure_topics, start_producer
from stream_app.kafka.publishing import OutRecord, event_record, publish
from stream_app.settings import KafkaSettings

pytestmark = pytest.mark.integration


def trigger(offset, kind="psi", source="digits"):
    reason = TriggerReason(kind=kind, since=5.0, statistic=0.3, threshold=0.2, summary=f"because of {kind}")
    return RetrainingTrigger.of(
        "models",
        source,
        log=LogId(0),
        offset=offset,
        ts=1_700_000_000.0 + offset,
        version="v1",
        reasons=(reason,),
    )


TRIGGERS = (trigger(1), trigger(2, "samples", "[red]\x1b[2J"), trigger(3, "concept"))
RECORDS = (
    AuditRecord.version_seen("models", "digits", "v1", ts=1_700_000_000.0, log=LogId(0), offset=0),
    *map(AuditRecord.triggered, TRIGGERS),
    AuditRecord.version_seen(
        "models", "digits", "v2", ts=1_700_000_009.0, log=LogId(0), offset=9, before="v1"
    ),
)


@pytest.fixture
def write(servers, prefix, broker_address):
    kafka, topics = KafkaSettings(bootstrap=broker_address), Topics(prefix)

    async def work(events, strange):
        await ensure_topics(kafka, {topics.triggers: 2, topics.audit: 2}, create=True)
        producer = await start_producer(kafka)
        records = [
            event_record(topics.audit if isinstance(event, AuditRecord) else topics.triggers, event)
            for event in events
        ]
        records += [OutRecord(topics.audit, b"k", value, []) for value in strange]
        for record in records:
            # One after the other, so that their order is that of their times.
            await publish(producer, [record], what="events")
            await asyncio.sleep(0.002)
        await producer.stop()

    def written(*events, strange=()):
        asyncio.run(work(events, strange))

    return written


@pytest.fixture
def story(write):
    write(*TRIGGERS, *RECORDS, TRIGGERS[0], RECORDS[1])


def test_the_log_is_listed_in_its_order_and_each_record_once(call, story):
    told = [AuditRecord.model_validate_json(line) for line in call("audit", "list", "--json").lines]
    assert told == list(RECORDS)


@pytest.mark.parametrize(
    ("options", "which"),
    [
        (("--limit", "2"), [3, 4]),
        (("-n", "0"), [0, 1, 2, 3, 4]),
        (("--kind", "model.version-seen"), [0, 4]),
        (("--source", "digits", "--kind", "retraining.triggered"), [1, 3]),
        (("--since", "1h"), [0, 1, 2, 3, 4]),
        (("--since", "2099-01-01"), []),
    ],
)
def test_the_log_is_narrowed_by_options(call, story, options, which):
    told = [json.loads(line)["id"] for line in call("audit", "list", "--json", *options).lines]
    assert told == [RECORDS[i].id for i in which]


def test_the_log_reads_as_lines_that_cannot_steer_the_terminal(call, story):
    told = call("audit", "list")
    assert told.lines[0] == "2023-11-14 22:13:20Z  model.version-seen    models/digits  digits: version v1"
    assert "retraining.triggered  models/[red]\\u001b[2J" in told.lines[2]
    assert "\x1b" not in told.out


def test_records_of_others_are_counted_and_left_out(call, write):
    write(RECORDS[0], strange=[b"", b"{}", b"\xff", b"[1]", b'{"data": {"id": 1}}'])
    ended = call("audit", "list", "--json")
    assert len(ended.lines) == 1
    assert ended.err == "5 records are none of Streamgauge's, and left out\n"


def test_an_empty_log_and_a_missing_one_are_told_apart(call, servers, write):
    assert call("audit", "list").failed("no topic", "audit.log")
    write()
    assert call("audit", "list").out == "There is nothing.\n"
    assert call("audit", "list", "--json").out == ""


def test_without_a_broker_both_say_how_to_name_one(call, place):
    assert call("audit", "list").failed("no broker", "STREAMGAUGE_KAFKA")
    assert call("triggers", "tail").failed("no broker", "STREAMGAUGE_KAFKA")


def test_triggers_are_tailed_with_their_reasons(call, story):
    lines = call("triggers", "tail", "--no-follow").lines
    assert lines[0] == "2023-11-14 22:13:21Z  models/digits  retrain digits v1: because of psi"
    assert len(lines) == 3
    last = call("triggers", "tail", "--no-follow", "--json", "--last", "1").lines
    assert [RetrainingTrigger.model_validate_json(line) for line in last] == [TRIGGERS[2]]
    assert call("triggers", "tail", "--no-follow", "--last", "0").out == ""
    chosen = call("triggers", "tail", "--no-follow", "--kind", "concept", "--source", "digits").lines
    assert [line.endswith("because of concept") for line in chosen] == [True]


@pytest.mark.slow
def test_both_follow_until_ctrl_c_and_end_with_0(spawn, write):
    write(TRIGGERS[0], RECORDS[0])
    log = spawn("audit", "list", "--follow", "--json").until(RECORDS[0].id)
    tail = spawn("triggers", "tail", "--json").until(TRIGGERS[0].id)
    write(TRIGGERS[0], TRIGGERS[2], RECORDS[0], RECORDS[4])
    for process, ids in ((log, [RECORDS[0].id, RECORDS[4].id]), (tail, [TRIGGERS[0].id, TRIGGERS[2].id])):
        ended = process.until(ids[-1]).end(signal.SIGINT)
        assert (ended.code, ended.err) == (0, "")
        assert [json.loads(line)["id"] for line in ended.lines] == ids


def test_the_log_is_made_to_be_kept_whatever_the_broker_keeps_otherwise(servers, prefix, broker_address):
    kafka, topic = KafkaSettings(bootstrap=broker_address), f"{prefix}.audit.log"

    async def work():
        await ensure_topics(kafka, {topic: 1}, create=True, kept={topic})
        admin = AIOKafkaAdminClient(**client_options(kafka))
        await admin.start()
        try:
            answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            return {entry[0]: entry[1] for entry in answers[0].resources[0][4]}
        finally:
            await admin.close()

    found = asyncio.run(work())
    assert (found["cleanup.policy"], found["retention.ms"], found["retention.bytes"]) == (
        "delete",
        "-1",
        "-1",
    )
