"""``streamgauge look`` and ``init``: what is in a file, a command and a monitor file that run it."""

import asyncio
import json
import shlex
import time
import tomllib

import msgspec
import numpy as np
import pytest
from aiokafka import AIOKafkaProducer

from stream_app.kafka import ensure_topics
from stream_app.kinds.guess import Messages, guess_mapping
from stream_app.settings import KafkaSettings, load_settings

ROWS = 300
PUMP = ("--source-column", "pump")


def write(path, *, step=10.0, newest_first=False, pumps=("p1", "p2"), name="flow [m3/h]"):
    rng = np.random.default_rng(5)
    rows = []
    for i in range(ROWS):
        for pump in pumps:
            level = "NA" if i % 50 == 3 else f"{rng.random():.3f}"
            rows.append(f"{1_700_000_000 + step * i:.0f},{pump},{rng.normal(32.0, 0.4):.2f},{level},ok")
    rows = rows[::-1] if newest_first else rows
    path.write_text("\n".join([f"time,pump,{name},level,note", *rows]) + "\n")
    return path.name


def run(call, command):
    program, *words = shlex.split(command)
    assert program == "streamgauge"
    return call(*words)


def test_each_column_is_told_and_the_command_runs(call, place):
    told = json.loads(call("look", write(place / "plant.csv"), *PUMP, "--json").out)
    assert (told["rows"], told["sources"], told["period"]) == (2 * ROWS, {"p1": ROWS, "p2": ROWS}, 10.0)
    by_name = {column["name"]: column for column in told["columns"]}
    assert {name: column["taken_as"] for name, column in by_name.items()} == {
        "time": "time", "pump": "source", "flow [m3/h]": "channel", "level": "channel", "note": "left out",
    }  # fmt: skip
    assert (by_name["flow [m3/h]"]["unit"], by_name["level"]["missing"]) == ("m3/h", {"NA": 12})
    assert by_name["flow [m3/h]"]["low"] > 30.0
    assert told["notes"] == []
    ended = run(call, told["command"])
    assert ended.code == 0
    assert "events                     600 (300 scored)" in ended.lines


def test_what_hinders_a_run_is_told_with_what_helps(call, place):
    name = write(place / "newest.csv", newest_first=True, pumps=("p1",))
    ended = call("look", name)
    assert ended.code == 0
    assert "rows     300, 299 rows out of order" in ended.lines
    assert "sort them with --sort" in ended.out
    assert run(call, ended.lines[-2]).code == 0
    (place / "twice.csv").write_text("time,flow\n" + "1700000000,1\n" * 3 + "1700000000,2\n")
    told = json.loads(call("look", "twice.csv", "--json").out)
    assert (told["same_time"], told["repeated"]) == (3, 2)
    assert told["notes"][-1] == "too few rows to judge any: 4, and 60 are needed"


def test_what_is_left_out_of_a_file_is_told_by_every_run(call, place):
    rows = (place / write(place / "plant.csv", pumps=("p1",))).read_text().splitlines()
    rows[9] = rows[9].replace("1700000080,", "soon,")
    rows[20] = rows[20].rsplit(",", 2)[0] + ",1O.5,ok"
    (place / "plant.csv").write_text("\n".join(rows) + "\n")
    for command in (("look",), ("backtest", "--warmup", "100"), ("tune", "--warmup", "100")):
        ended = call(command[0], "plant.csv", "--channels", "flow [m3/h],level", *command[1:])
        assert ended.code == 0, ended
        assert "left out 1: " in ended.out, ended
        for place_ in ("plant.csv:10)", "plant.csv:21)"):
            assert place_ in ended.out, ended


def test_options_are_those_of_a_run_and_stay(call, place):
    write(place / "plant.csv")
    (place / "bare.csv").write_text("".join(line.split(",", 1)[1] for line in (place / "plant.csv").open()))
    ended = call("look", "bare.csv", "--period", "60", "--channels", "level", "--source-column", "pump")
    command = ended.lines[-2]
    assert command.startswith("streamgauge backtest bare.csv ")
    for option in ("--period 60", "--channels level", "--source-column pump"):
        assert option in command
    assert run(call, command).code == 0


def test_a_flag_that_is_off_stays_off_in_the_command(call, place):
    write(place / "plant.csv", pumps=("p1",))
    (place / "bare.csv").write_text("".join((place / "plant.csv").open().readlines()[1:]))
    command = call("look", "bare.csv", "--no-header", "--time-column", "column 1").lines[-2]
    assert "--no-header" in command
    assert run(call, command).code == 0


def test_a_number_too_large_for_a_reading_hides_no_other_field():
    rows = [b'{"pump": "p1", "serial": %s, "flow": 1.5}' % (b"9" * 400), b'{"pump": ' * 3000]
    found = guess_mapping(Messages.of(rows, [None] * 2, 1.7e9), source="pump")
    assert found == ({"source": "pump", "time": "$timestamp", "values": "."}, ("flow",))


def test_a_monitor_file_is_written_that_a_run_takes(call, place):
    ended = call("init", write(place / "plant.csv"), *PUMP, "--stream", "pumps")
    assert ended.code == 0
    text = (place / "streamgauge.toml").read_text()
    (stream,) = load_settings(place / "streamgauge.toml").streams.values()
    assert (stream.channel_names, stream.warmup, stream.expected_sources) == (
        ("flow [m3/h]", "level"),
        150,
        2,
    )
    assert stream.units == {"flow [m3/h]": "m3/h"}
    assert "half of the 300 rows of the longest source" in text
    assert "# Left out: note ('ok')." in text
    told = run(call, ended.lines[-1].removeprefix("try it:  "))
    assert told.code == 0
    before = text
    assert call("init", "plant.csv").failed("streamgauge.toml is there; --force overwrites it")
    assert (place / "streamgauge.toml").read_text() == before
    assert call("init", "plant.csv", *PUMP, "--force", "--out", "streamgauge.toml").code == 0
    assert "[streams.sensors]" in (place / "streamgauge.toml").read_text()


@pytest.mark.parametrize(
    ("step", "budget"), [(10.0, "1 per day"), (900.0, "1 per week"), (86_400.0, "1 per month")]
)
def test_the_budget_fits_the_rows(call, place, step, budget):
    call("init", write(place / "plant.csv", step=step), *PUMP)
    (stream,) = load_settings(place / "streamgauge.toml").streams.values()
    assert stream.budget == budget


def test_names_are_texts_whatever_is_in_them(call, place):
    name = 'a"b\\ # \x7f [x]'
    write(place / "odd.csv", name='"a""b\\ # \x7f [x]"')
    assert call("init", "odd.csv", *PUMP, "--stream", "my stream").code == 0
    parsed = tomllib.loads((place / "streamgauge.toml").read_text())["streams"]["my stream"]
    assert parsed["channels"] == [name, "level"]


def test_a_source_whose_rows_are_weeks_apart_is_not_forgotten_between_them(call, place):
    call("init", write(place / "slow.csv", step=20 * 86_400.0, pumps=("p1",)))
    (stream,) = load_settings(place / "streamgauge.toml").streams.values()
    assert stream.source_ttl == 200 * 86_400.0


def send(servers, topic, messages):
    async def send_all():
        kafka = KafkaSettings(bootstrap=servers["STREAMGAUGE_KAFKA"])
        await ensure_topics(kafka, {topic: 1}, create=True)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            for key, value in messages:
                raw = value if isinstance(value, bytes) else json.dumps(value).encode()
                await producer.send(topic, value=raw, key=key)

    asyncio.run(send_all())


NOW = 1_714_978_800

LAYOUTS = {
    "own": (lambda i: {"source": f"p{i % 2}", "ts": NOW + i, "values": {"flow": i / 7}}, ("flow",), {}),
    "flat": (
        lambda i: {"device": f"p{i % 2}", "t": 1000 * (NOW + i), "flow": i / 7, "level": 1.5, "ok": True, "note": "x"},
        ("flow", "level"),
        {"source": "device", "time": "t", "time_unit": "ms", "values": "."},
    ),
    "nested": (
        lambda i: {"meta": {"machine": f"p{i % 2}", "at": f"2024-05-06T07:{i:02d}:00Z"}, "data": {"q": i, "p": 0.5}},
        ("q", "p"),
        {"source": "meta.machine", "time": "meta.at", "values": "data"},
    ),
    "one channel a message": (
        lambda i: {"sensor": "p1", "metric": ("flow", "level")[i % 2], "value": i / 7, "t": NOW + i // 2},
        ("flow", "level"),
        {"source": "sensor", "time": "t", "time_unit": "s", "channel": "metric", "value": "value"},
    ),
    "source in the key": (
        lambda i: {"flow": i / 7, "load": 2.0},
        ("flow", "load"),
        {"source": "$key", "time": "$timestamp", "values": "."},
    ),
    "an array": (
        lambda i: {"machine": f"m{i % 2}", "no": i, "data": [{"t": NOW + 2 * i + j, "v": {"flow": i / 7}} for j in range(2)]},
        ("flow",),
        {"each": "data", "source": "$message.machine", "time": "t", "time_unit": "s", "values": "v"},
    ),
    "an array of channels": (
        lambda i: [{"name": name, "value": i / 7, "time": NOW + i, "device": "p1"} for name in ("flow", "level")],
        ("flow", "level"),
        {"each": ".", "source": "device", "time": "time", "time_unit": "s", "channel": "name", "value": "value"},
    ),
    "MessagePack": (
        lambda i: msgspec.msgpack.encode({"device": f"p{i % 2}", "t": NOW + i, "flow": i / 7}),
        ("flow",),
        {"source": "device", "time": "t", "time_unit": "s", "values": "."},
    ),
    "our own in MessagePack": (
        lambda i: msgspec.msgpack.encode({"source": f"p{i % 2}", "ts": NOW + i, "values": {"flow": i / 7}}),
        ("flow",),
        {},
    ),
    "JSON with a schema": (
        lambda i: bytes([0, 0, 0, 0, 7]) + json.dumps({"source": "p1", "ts": NOW + i, "values": {"flow": i / 7}}).encode(),
        ("flow",),
        {},
    ),
    "CSV": (
        lambda i: f"p{i % 2};{int(time.time()) - 60 + i};{i / 7}".encode(),
        ("column 3",),
        {"source": "$key", "time": "column 2", "time_unit": "s", "values": "."},
    ),
}  # fmt: skip


@pytest.mark.integration
def test_a_monitor_file_is_written_for_a_topic_and_its_events_can_be_read(call, servers, place, prefix):
    for number, (make, channels, mapping) in enumerate(LAYOUTS.values()):
        topic = f"{prefix}.telemetry{number}"
        send(servers, topic, [(b"k%d" % (i % 3), make(i)) for i in range(60)])
        assert call("init", topic, "--stream", "pumps", "--force").code == 0
        parsed = tomllib.loads((place / "streamgauge.toml").read_text())["streams"]["pumps"]
        assert (parsed["topic"], tuple(parsed["channels"])) == (topic, channels)
        assert parsed.get("mapping", {}) == mapping
        ended = call("check")
        assert ended.code == 0, ended
        assert "the newest 60 can be used" in ended.out or "the newest 120 can be used" in ended.out


def test_metrics_of_a_data_platform_are_told_from_readings(call, place):
    (place / "metrics.csv").write_text("service,shop,pay\nmetric,latency,latency\nts,,\n1770000000,1.0,2.0\n")
    said = (
        "several lines of names above a column a series",
        "streamgauge backtest metrics.csv --kind platform",
    )
    assert call("look", "metrics.csv").failed(*said)


@pytest.mark.integration
def test_a_topic_of_a_data_platform_gets_a_stream_of_that_kind(call, servers, place, prefix):
    topic = f"{prefix}.metrics"
    scrapes = [
        {"source": "lake", "ts": NOW + 300.0 * i, "samples": [
            {"name": "node_load1", "labels": {"instance": f"w{node}:9100"}, "value": 0.1 * i} for node in range(3)]}
        for i in range(10)
    ]  # fmt: skip
    send(servers, topic, [(b"lake", json.dumps(scrape).encode()) for scrape in scrapes])
    assert call("init", topic, "--stream", "lake").code == 0
    text = (place / "streamgauge.toml").read_text()
    assert "3 series of 3 nodes" in text
    stream = tomllib.loads(text)["streams"]["lake"]
    assert (stream["kind"], stream["topic"], stream["window"], stream["warmup"]) == (
        "platform",
        topic,
        "300s",
        288,
    )
    ended = call("check")
    assert ended.code == 0, ended


@pytest.mark.integration
def test_a_topic_that_cannot_be_read_leaves_no_file(call, servers, place, prefix):
    assert call("init", f"{prefix}.no").failed(f"there is no file and no topic {prefix}.no")
    topic = f"{prefix}.words"
    send(servers, topic, [(None, {"text": "hello"})] * 5)
    assert call("init", topic).failed("found no source and numbers in its messages (text)")
    send(servers, f"{prefix}.avro", [(None, bytes([0, 0, 0, 0, 7, 12, 3, 1]))] * 5)
    assert call("init", f"{prefix}.avro").failed(
        "the number of a schema, 7: Avro or Protobuf", 'format = "avro"'
    )
    assert not (place / "streamgauge.toml").exists()


def test_a_name_that_is_no_file_asks_where_kafka_is(call, place):
    assert call("init", "plant.csv").failed("plant.csv: no such file; of a topic, say where Kafka is")
