"""Platforms from Kafka to Redis, over a real broker and a real store: an incident with its causes, and bad input."""

import json

import pytest
from conftest import eventually
from platform_events import START, events_of, query, sample
from workers import working

from stream_app.events import Alert, Topics
from stream_app.settings import PlatformStream, WorkerSettings
from stream_app.store import AlertReader, FeatureReader, History, PlatformReader

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(settings, prefix):
    worker = WorkerSettings(group=prefix, session_timeout=6.0, checkpoint_interval=0.2, partitions=1)
    stream = PlatformStream(warmup=200, budget="1 per day", max_series=30)
    return settings.model_copy(update={"worker": worker, "streams": {"trino": stream}})


async def send(producer, settings, raws):
    topic = Topics(settings.prefix).platform
    for raw in raws:
        await producer.send(topic, value=raw, key=b"prod", partition=0)
    await producer.flush()


async def at(store, settings, offset):
    key = store.keys.offsets(settings.worker.group, Topics(settings.prefix).platform, 0)
    return await store.client.hget(key, "next") == str(offset).encode()


def counted(counter):
    return {
        s.labels["reason"]: s.value
        for family in counter.collect()
        for s in family.samples
        if s.name.endswith("_total") and s.value
    }


@pytest.mark.slow
async def test_an_incident_comes_with_its_causes(settings, store, producer, make_topic, read_topic):
    await make_topic("platform.events")
    raws = events_of(318, slow=range(290, 315))
    await send(producer, settings, raws)
    async with working(settings):
        await eventually(lambda: at(store, settings, len(raws)), timeout=60)
        told = [
            Alert.model_validate_json(fields[b"alert"])
            for _, fields in await store.client.xrange(store.keys.alerts)
        ]
        row = await FeatureReader(store, "trino").get("prod")
        reader = PlatformReader(store, "trino")
        snapshot, names = await reader.get("prod"), await reader.names()
        series = await History(store).read("trino", "prod")
        (record, *_) = await read_topic(Topics(settings.prefix).alerts("anomaly"), 1)
    alert = next(one for one in told if one.begins)
    assert (alert.stream, alert.source, alert.detector, alert.kind) == (
        "trino",
        "prod",
        "platform",
        "anomaly",
    )
    assert START + 290 * 60.0 < alert.started_at < START + 297 * 60.0
    assert (alert.causes[0].kind, alert.causes[0].name) == ("node", "worker-2")
    assert "deployment of worker image 475" in alert.explanation
    assert Alert.from_cloudevent(json.loads(record.value)) == alert
    assert (row.values["nodes"], row.values["windows"], row.values["incident_open"]) == (4, 317, 1)
    assert names[0][0] == "prod"
    assert snapshot["incidents"] == [alert.case.id]
    assert snapshot["causes"][0]["name"] == "worker-2"
    assert len(snapshot["heat"]) == len(snapshot["nodes"]) == 5
    assert snapshot["changes"][0]["what"] == "worker image"
    assert "disk" in series.channels


async def test_bad_input_is_refused_by_name_and_spoils_nothing(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("platform.events")
    good = events_of(6)
    text = "select * from people where name = 'Ada Lovelace'"
    repeated = [raw for raw in good if b"queryId" in raw][:2]
    exploded = {
        "source": "prod",
        "ts": START + 360.0,
        "samples": [sample("node_load1", f"pod-{i}", 1.0) for i in range(40)],
    }
    bad = [
        b"\xff",
        json.dumps(query("x", START + 300.0, -5.0, text) | {"source": "prod"}).encode(),
        json.dumps(
            {"source": "prod", "ts": START - 7200.0, "samples": [sample("node_load1", "worker-0", 1.0)]}
        ).encode(),
        json.dumps(exploded).encode(),
    ]
    raws = [*good, *repeated, *bad]
    await send(producer, settings, raws)
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, len(raws)), timeout=30)
        row = await FeatureReader(store, "trino").get("prod")
        refused = counted(worker.metrics.refused)
        firing = await AlertReader(store).firing()
    assert refused["duplicate"] == 2
    assert refused["late"] == 1
    assert refused["too_many_series"] == 30
    assert [alert.detector for alert in firing] == ["quality.series"]
    letters = await read_topic(Topics(settings.prefix).dead_letters, 3)
    said = b"".join(value for letter in letters for _, value in letter.headers if value)
    assert b"Ada" not in said
    assert row.values["queries"] >= 48
