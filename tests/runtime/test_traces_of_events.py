"""The trace of an event, from its record to the alerts that it raises."""

import json

import pytest
from conftest import eventually
from workers import working

from stream_app.events import Alert, Topics
from stream_app.settings import SensorStream
from stream_app.store import AlertReader, IncidentReader

pytestmark = pytest.mark.integration

START = 1_700_000_000.0


def headers(row):
    """Each event has a trace of its own."""
    parent = f"00-{row + 1:032x}-{row + 1:016x}-01"
    return [("traceparent", parent.encode()), ("tracestate", b"shop=%d" % row)]


async def test_an_alert_has_the_trace_of_the_event_that_raised_it_also_after_a_restart(
    settings, store, producer, make_topic, read_topic
):
    topic = await make_topic("sensor.readings")
    stream = SensorStream(channels={"flow": {"max": 10.0}})
    worker = settings.worker.model_copy(update={"partitions": 1})
    settings = settings.model_copy(update={"worker": worker, "streams": {"sensors": stream}})

    async def send(rows, flow):
        for row in rows:
            value = {"source": "pump", "ts": START + row, "values": {"flow": flow}}
            await producer.send(topic, json.dumps(value).encode(), key=b"pump", headers=headers(row))
        await producer.flush()

    reader = AlertReader(store)
    await send(range(30), 1.0)
    await send(range(30, 60), 99.0)
    async with working(settings):
        (began,) = await eventually(reader.firing)
    await send(range(60, 120), 1.0)
    async with working(settings):
        records = await read_topic(Topics(settings.prefix).alerts(began.kind), 2)
    first, last = (json.loads(record.value) for record in records)
    expected = {name: value.decode() for name, value in headers(began.offset)}
    assert 30 <= began.offset < 60
    for record, event in zip(records, (first, last), strict=True):
        assert {name: event[name] for name in expected} == expected
        assert {name: dict(record.headers)[name].decode() for name in expected} == expected
        alert = Alert.from_cloudevent(event)
        assert alert.trace.attributes() == alert.incident.trace.attributes() == expected
    assert last["data"]["state"] == "resolved"
    stored, _ = await IncidentReader(store).show(began.case.id)
    assert stored.incident.trace.attributes() == expected
