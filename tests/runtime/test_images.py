"""Features of images from Kafka to an alert, over a real broker and a real store."""

import asyncio
import json
from contextlib import suppress

import pytest
from conftest import eventually
from images import CHANNELS, blurred, features, strokes

from stream_app.events import Alert, Topics
from stream_app.runtime.worker import Worker
from stream_app.settings import ImageStream
from stream_app.store import AlertReader, FeatureReader

pytestmark = pytest.mark.integration

START = 1_600_000_000.0
ONSET = 900


def events():
    images = strokes(1000, seed=5)
    images[ONSET:] = blurred(images[ONSET:])
    for i, row in enumerate(features(images).tolist()):
        values = dict(zip(CHANNELS, row, strict=True))
        yield json.dumps(
            {"source": "camera-1", "ts": START + i, "id": f"image-{i}", "values": values}
        ).encode()


async def test_a_lens_that_fogs_is_told_on_the_topic_and_in_the_store(
    settings, store, producer, make_topic, read_topic
):
    changes = {
        "streams": {"images": ImageStream()},
        "worker": settings.worker.model_copy(update={"partitions": 1}),
    }
    settings = settings.model_copy(update=changes)
    topic = await make_topic("image.features")
    for event in events():
        await producer.send(topic, value=event, key=b"camera-1", partition=0)
    await producer.flush()
    worker = Worker(settings)
    task = asyncio.create_task(worker.run())
    try:
        alerts = await eventually(lambda: AlertReader(store).recent(10))
        (record, *_) = await read_topic(Topics(settings.prefix).alerts("drift"), 1)
        row = await eventually(lambda: FeatureReader(store, "images").get("camera-1"))
    finally:
        worker.stop()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)
    told = Alert.from_cloudevent(json.loads(record.value))
    assert (told.kind, told.stream, told.source) == ("drift", "images", "camera-1")
    assert ONSET <= told.offset < ONSET + 100
    assert told.id in {alert.id for alert in alerts}
    assert {alert.kind for alert in alerts} == {"drift"}
    assert row.values["sharpness.count"] == 500
