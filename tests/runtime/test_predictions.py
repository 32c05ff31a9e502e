"""Predictions from Kafka to Redis, over a real broker and a real store: a model that gets worse, and bad input."""

import asyncio
import json
import os
import random
import re
import subprocess
import sys

import pytest
from conftest import eventually
from workers import working

from stream_app.events import Alert, Topics
from stream_app.events.audit import AuditKind, AuditRecord
from stream_app.events.trigger import RetrainingTrigger
from stream_app.settings import PredictionStream, RetrainingSettings, WorkerSettings
from stream_app.store import AlertReader, FeatureReader

pytestmark = pytest.mark.integration

START = 1_600_000_000.0
LABELS = ("cat", "dog")


@pytest.fixture
def settings(settings, prefix):
    stream = PredictionStream(
        labels=LABELS,
        label_within="2 min",
        baseline=500,
        window=500,
        budget="1 per 10000 events",
        slices=False,
        # The new version comes with the drop: its windows speak of it alone when this is over.
        retraining=RetrainingSettings(cool_down="20 min"),
    )
    worker = WorkerSettings(group=prefix, session_timeout=6.0, checkpoint_interval=0.2, partitions=1)
    return settings.model_copy(update={"worker": worker, "streams": {"predictions": stream}})


def answer(i, *, truth="cat", right=True, version="v1", **rest):
    other = LABELS[truth == LABELS[0]]
    predicted = truth if right else other
    return {
        "source": "pets",
        "ts": START + i,
        "id": f"a{i}",
        "version": version,
        "prediction": predicted,
        "probabilities": {predicted: 0.9, other if predicted == truth else truth: 0.1},
        "latency": 0.02,
    } | rest


def truth(i, label, ts=None):
    return {"source": "pets", "ts": START + i if ts is None else ts, "id": f"a{i}", "label": label}


def answers(n, accuracy, chance, first=0, **rest):
    for i in range(first, first + n):
        label = chance.choice(LABELS)
        yield answer(i, truth=label, right=chance.random() < accuracy, **rest), label


async def send(producer, settings, events):
    topic = Topics(settings.prefix).predictions
    for event in events:
        value = event if isinstance(event, bytes) else json.dumps(event).encode()
        await producer.send(topic, value=value, key=b"pets", partition=0)
    await producer.flush()


async def at(store, settings, offset):
    key = store.keys.offsets(settings.worker.group, Topics(settings.prefix).predictions, 0)
    return await store.client.hget(key, "next") == str(offset).encode()


def counted(counter, label):
    return {
        sample.labels[label]: sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    }


async def test_a_model_that_gets_worse_is_told_by_labels_that_come_later(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("predictions")
    chance = random.Random(1)
    events = []
    waiting = []
    log = [*answers(1500, 0.95, chance), *answers(1500, 0.7, chance, first=1500, version="v2")]
    for event, label in log:
        events.append(event)
        waiting.append((event["ts"] + 60.0, event["id"], label))
        while waiting and waiting[0][0] <= event["ts"]:
            due, ident, said = waiting.pop(0)
            events.append({"source": "pets", "ts": due, "id": ident, "label": said})
    await send(producer, settings, events)
    topics = Topics(settings.prefix)
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, len(events)))
        firing = await AlertReader(store).firing()
        row = await FeatureReader(store, "predictions").get("pets")
        labels = counted(worker.metrics.labels, "fate")
        published = await read_topic(topics.alerts("performance"), 1)
        (trigger,) = await read_topic(topics.triggers, 1)
        audit = await read_topic(topics.audit, 3)
        assert counted(worker.metrics.triggers, "stream") == {"predictions": 1.0}

    (alert,) = [one for one in firing if one.detector == "accuracy"]
    assert (alert.kind, alert.source, alert.stream) == ("performance", "pets", "predictions")
    assert START + 1500 < alert.started_at < START + 1800
    assert alert in [Alert.from_cloudevent(json.loads(record.value)) for record in published]
    assert row.event_ts == START + 2999
    assert row.values["accuracy"] == pytest.approx(0.7, abs=0.06)
    assert labels["predictions"] == 3000
    assert labels["joined"] == 2940
    assert "missing" not in labels
    told = RetrainingTrigger.from_cloudevent(json.loads(trigger.value))
    assert (told.source, told.version) == ("pets", "v2")
    assert "performance" in {reason.kind for reason in told.reasons}
    records = [AuditRecord.from_cloudevent(json.loads(record.value)) for record in audit]
    assert [record.subject for record in records if record.kind is AuditKind.VERSION_SEEN] == ["v1", "v2"]
    assert [record.subject for record in records if record.kind is AuditKind.TRIGGERED] == [told.id]


async def test_bad_input_is_refused_and_counted_and_spoils_nothing(
    settings, store, producer, make_topic, read_topic
):
    await make_topic("predictions")
    chance = random.Random(2)
    good = [event | {"label": label} for event, label in answers(300, 0.9, chance)]
    bad = [
        (answer(1000, truth="cow"), "label"),
        (answer(1001) | {"label": "horse"}, "label"),
        (answer(1009) | {"label": 0.5}, "label"),
        (answer(1002, probabilities={"cat": 0.92, "dog": 0.31}), "probabilities"),
        (answer(1003, probabilities={"dog": 1.0}), "probabilities"),
        (answer(1004, probabilities={"cat": 1.5, "dog": -0.5}), "probabilities"),
        (answer(1005, features={"x": float("nan")}), "not_finite"),
        (answer(1006, latency="slow"), "schema"),
        (answer(1007, prediction=["cat"]), "schema"),
        ({"source": "pets", "ts": START, "id": "nothing"}, "schema"),
        ({"source": "pets", "ts": START, "label": "cat"}, "schema"),
        (answer(1008, ts="later"), "timestamp"),
        (b"\xff\x00", "not_json"),
    ]
    duplicates = [good[147], truth(147, "dog"), good[148]]
    events = [*good[:150], *(event for event, _ in bad), *duplicates, *good[150:]]
    await send(producer, settings, events)
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, len(events)))
        row = await FeatureReader(store, "predictions").get("pets")
        refused = counted(worker.metrics.refused, "reason")
        labels = counted(worker.metrics.labels, "fate")
    reasons = [reason for _, reason in bad]
    assert refused == {reason: reasons.count(reason) for reason in reasons} | {"duplicate": 3}
    letters = await read_topic(Topics(settings.prefix).dead_letters, len(bad))
    assert len(letters) == len(bad)
    assert row.values["labelled"] == 300
    right = sum(event["prediction"] == event["label"] for event in good)
    assert row.values["accuracy"] == pytest.approx(right / 300)
    assert labels == {"predictions": 300, "joined": 300, "duplicate_predictions": 2, "duplicate_labels": 1}


async def test_labels_that_never_come_and_labels_of_nothing_are_counted(
    settings, store, producer, make_topic
):
    await make_topic("predictions")
    events = [answer(i) for i in range(100)]
    events += [truth(i, "cat", ts=START + 100) for i in range(0, 100, 2)]
    events += [truth(i, "dog", ts=START + 100) for i in range(5000, 5010)]
    # Time moves on when eight predictions agree about it.
    events += [*(answer(10_000 + i) for i in range(8)), truth(10_007, "cat"), truth(10_007, "cat")]
    await send(producer, settings, events)
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, len(events)))
        row = await FeatureReader(store, "predictions").get("pets")
        labels = counted(worker.metrics.labels, "fate")
    assert labels == {
        "predictions": 101,
        "joined": 51,
        "missing": 50,
        "unmatched_labels": 10,
        "duplicate_labels": 1,
    }
    assert row.values["missing_labels"] == 50
    assert row.values["unmatched_labels"] == 10


async def test_a_worker_without_a_monitor_file_watches_predictions(settings, store, producer, make_topic):
    await make_topic("predictions")
    settings = settings.model_copy(update={"streams": type(settings).model_fields["streams"].default})
    await send(producer, settings, [answer(i, label="cat") for i in range(20)])
    async with working(settings):
        await eventually(lambda: at(store, settings, 20))
        row = await FeatureReader(store, "predictions").get("pets")
    assert row.values["accuracy"] == 1.0


async def streamgauge(*arguments, env):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "stream_app",
        *arguments,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, problems = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, problems.decode()
    return out.decode()


@pytest.mark.slow
async def test_a_file_is_replayed_with_its_labels_late_and_watched(settings, store, make_topic, tmp_path):
    await make_topic("predictions")
    chance = random.Random(4)
    lines = ["when,case,answer,p_cat,p_dog,outcome,age,site"]
    for i in range(700):
        label = chance.choice(LABELS)
        said = label if chance.random() < 0.8 else LABELS[label == LABELS[0]]
        cat = 0.8 if said == "cat" else 0.2
        when = f"2024-05-01 00:{i // 60:02}:{i % 60:02}"
        lines.append(f"{when},c{i},{said},{cat},{1 - cat:.1f},{label},{i % 90},{'north' if i % 3 else ''}")
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(lines))
    env = {
        "STREAMGAUGE_PREFIX": settings.prefix,
        "STREAMGAUGE_REDIS": settings.redis.url.get_secret_value(),
        "STREAMGAUGE_KAFKA": settings.kafka.bootstrap,
        "XDG_STATE_HOME": str(tmp_path),
    }
    call = ["replay", "predictions", str(path), "--json", "--quiet"]
    call += ["--time-column", "when", "--id-column", "case", "--prediction-column", "answer"]
    call += ["--label-column", "outcome", "--label-delay", "30s", "--source", "pets"]
    summary = json.loads(await streamgauge(*call, env=env))
    assert (summary["events"], summary["sources"]) == (1400, 1)
    async with working(settings) as (worker, _):
        await eventually(lambda: at(store, settings, 1400))
        row = await FeatureReader(store, "predictions").get("pets")
        assert counted(worker.metrics.labels, "fate") == {"predictions": 700, "joined": 700}
        assert counted(worker.metrics.refused, "reason") == {}
    assert row.values["accuracy"] == pytest.approx(0.8, abs=0.06)
    shown = await streamgauge("features", "get", "pets", "--view", "predictions", env=env)
    assert re.search(r"^accuracy +0\.\d+$", shown, re.MULTILINE), shown
