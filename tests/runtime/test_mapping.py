"""Topics as they are: messages of other forms from Kafka to live features and dead letters."""

import json

import pytest
from conftest import eventually
from workers import working

from stream_app.events import Topics
from stream_app.settings import SensorStream
from stream_app.store import FeatureReader

pytestmark = pytest.mark.integration


async def test_flat_messages_and_arrays_become_live_features(
    settings, store, producer, make_topic, read_topic
):
    flat = SensorStream(topic=await make_topic("flat"), mapping={
        "source": "device", "time": "t", "time_unit": "ms", "values": "."
    })  # fmt: skip
    packed = SensorStream(topic=await make_topic("packed"), mapping={
        "each": "data", "source": "$key", "time": "t", "values": "v"
    })  # fmt: skip
    changes = {
        "streams": {"flat": flat, "packed": packed},
        "worker": settings.worker.model_copy(update={"partitions": 1, "max_state_bytes": 1}),
    }
    settings = settings.model_copy(update=changes)
    start = 1_700_000_000
    for i in range(40):
        event = {"device": f"p{i % 3}", "t": (start + i) * 1000, "flow": i, "state": "on"}
        await producer.send(flat.topic, value=json.dumps(event).encode(), partition=0)
        events = [{"t": start + 10 * i + j, "v": {"load": j}} for j in range(10)]
        await producer.send(
            packed.topic, value=json.dumps({"data": events}).encode(), key=b"m%d" % (i % 2), partition=0
        )
    bad = {"data": [{"t": start + 1000, "v": {"load": 1}}, {"t": start + 1001, "v": {"load": "?"}}]}
    await producer.send(packed.topic, value=json.dumps(bad).encode(), key=b"m1", partition=0)
    await producer.flush()
    async with working(settings):
        (letter,) = await read_topic(Topics(settings.prefix).dead_letters, 1)

        async def row(stream, source, ts):
            found = await FeatureReader(store, stream).get(source)
            return found if found is not None and found.event_ts == ts else None

        p0 = await eventually(lambda: row("flat", "p0", start + 39))
        m1 = await eventually(lambda: row("packed", "m1", start + 399))
    assert (p0.values["flow.count"], p0.values["flow.max"]) == (14, 39)
    assert (m1.values["load.count"], m1.values["load.mean"]) == (30, 4.5)
    assert json.loads(letter.value) == bad
    assert dict(letter.headers)["__streamgauge.errors.exception.message"] == (
        b"v.load: a number is expected, not a text"
    )
