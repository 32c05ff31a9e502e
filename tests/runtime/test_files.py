"""The files of the corpus through Kafka: what is read of each comes out of the worker as of the monitor itself, or is a dead letter."""

import json
from collections import Counter

import pytest
from conftest import eventually
from corpus import FILES, MINUTE, READ, Read
from workers import working

from producers.replay import Replay, run
from producers.sources.files import Files
from stream_app.events import ReadingDecoder, Topics, record_times
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.store import AlertReader, FeatureReader
from stream_app.tables import Columns

pytestmark = [pytest.mark.integration, pytest.mark.slow]

REFUSED = {"wide.csv": "channels", "newest-first.csv": "late", "one-row-again.csv": "duplicate"}
"""Files of which most readings are refused, and why; a reading that is there again is counted, and no dead letter."""

MORE = ("newest-first.csv", "one-row-again.csv", "fewer-than-the-warm-up.csv")


def broken_pump(path):
    """Write the rows that are newest first in their order, the last thirty with a flow that has jumped."""
    header, *rows = (FILES / "newest-first.csv").read_text().splitlines()
    cells = [row.split(",") for row in reversed(rows)]
    lines = [f"{ts},{float(flow) + 20.0 * (i >= len(cells) - 30)}" for i, (ts, flow) in enumerate(cells)]
    path.write_text("\n".join([header, *lines]))
    return path


async def test_every_file_of_the_corpus_is_judged_as_in_memory_or_refused_with_its_reason(
    settings, store, producer, make_topic, read_topic, tmp_path
):
    stream = SensorStream(topic=await make_topic("files"), warmup=30, budget="1 per hour")
    settings = settings.model_copy(update={"streams": {"plant": stream}})
    count = 0
    files = [*(FILES / name for name in (*READ, *MORE)), broken_pump(tmp_path / "broken.csv")]
    for path in files:
        name, read = path.name, READ.get(path.name, Read())
        # A file is called by its name, unless a column names its sources.
        called = {} if "source" in read.said else {"name": name}
        source = Files.find([str(path)], Columns(**read.said, **called))
        sent = await run(Replay(source, settings.kafka, (stream.topic,), state=tmp_path / "state.json"))
        if name in READ:
            last = read.first + (read.rows // sent.sources - 1) * read.period
            # Of one file a row without a time is left out.
            assert (sent.events, sent.last_ts) == (
                read.rows,
                pytest.approx(last + MINUTE * (name == "bad_time.csv")),
            ), name
        count += sent.events
    records = await read_topic(stream.topic, count)
    decoder, monitor = ReadingDecoder(), SensorMonitor(stream, name="plant")
    readings, rejected = decoder.decode(
        [record.value for record in records],
        [record.key for record in records],
        [record.offset for record in records],
        record_times(records),
    )
    outcome = monitor.update(readings)
    names = dict(zip(readings.offsets.tolist(), readings.sources, strict=True))
    refused = Counter((names[refusal.offset], refusal.reason.value) for refusal in outcome.refusals)
    assert (len(records), rejected) == (count, [])
    assert dict(refused) == {(name, why): refused[name, why] for name, why in REFUSED.items()}
    assert all(2 * many > Counter(readings.sources)[name] for (name, _), many in refused.items())
    assert "broken.csv" in {alert.source for alert in outcome.alerts}

    letters = Counter({one: many for one, many in refused.items() if one[1] != "duplicate"})
    async with working(settings):
        found = await read_topic(Topics(settings.prefix).dead_letters, letters.total(), timeout=30.0)
        reader, kept = FeatureReader(store, "plant"), AlertReader(store)
        for name in filter(monitor.__contains__, dict.fromkeys(readings.sources)):
            ts, values = monitor.features(name)

            async def arrived(name=name, ts=ts, values=values):
                row = await reader.get(name)
                return (
                    row is not None
                    and row.event_ts == ts
                    and row.values == pytest.approx(values, nan_ok=True)
                )

            assert await eventually(arrived), name

        async def all_told():
            return told(await kept.recent(1000)) == told(last_states(outcome.alerts))

        assert await eventually(all_told)
    headers = "__streamgauge.errors.exception.class.name"
    assert letters == Counter(
        (json.loads(letter.value)["source"], dict(letter.headers)[headers].decode()) for letter in found
    )


def last_states(alerts):
    return {alert.id: alert for alert in alerts}.values()


def told(alerts):
    return Counter((one.source, one.detector, one.channel, one.started_at, one.state) for one in alerts)
