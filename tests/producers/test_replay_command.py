"""``streamgauge replay`` as a person or a script uses it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from conftest import eventually
from typer.testing import CliRunner

from stream_app.cli.replay import replay_app
from stream_app.errors import SourceError

app = typer.Typer()
app.callback()(lambda: None)
app.add_typer(replay_app, name="replay")

NOWHERE = ("--kafka", "127.0.0.1:1")


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """No settings or states but the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)


def call(*arguments):
    return CliRunner().invoke(app, ["replay", *arguments], terminal_width=200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sensor", *NOWHERE), "Did you mean 'sensors'?"),
        (("sensors", "--simulate", "--level", "3", *NOWHERE), "No such option: --level"),
        (("sensors", "a.csv", "--preset", "cdnow", *NOWHERE), "No such option: --preset"),
        (("sensors", "a.csv", "--pumps", "2", *NOWHERE), "--pumps belong to --simulate"),
        (("sessions", "a.csv", "--channels", "a", *NOWHERE), "No such option: --channels"),
        (("predictions", "a.csv", "--drift", "x:mean+1@1..", *NOWHERE), "No such option: --drift"),
        (("predictions", *NOWHERE), "Missing argument 'PATH...'"),
        (("sessions", *NOWHERE), "Missing argument 'PATH...'"),
        (("sensors", *NOWHERE), "give files to replay, or --simulate, or --dataset"),
        (("sensors", "a.csv", "--simulate", *NOWHERE), "one of them"),
        (("sensors", "--dataset", "tides", *NOWHERE), "no 'tides'; there is waterflow"),
        (("sensors", "--simulate", "--speed", "fast", *NOWHERE), "'fast' is no speed"),
        (("sensors", "--simulate", "--rate", "0", *NOWHERE), "--rate: a finite number above 0"),
        (("sensors", "--simulate", "--drift", "flow:up", *NOWHERE), "like flow:mean+2sd@3600..7200"),
        (("sensors", "--simulate", "--faults", "rust@1..2", *NOWHERE), "NAME one of valve_closing"),
        (("sensors", "--simulate", "--faults", "leak@9..2", *NOWHERE), "duration must be"),
        (("sensors", "--simulate", "--faults", "3", *NOWHERE), "give --limit"),
        (("sensors", "--dataset", "waterflow", "--faults", "1", *NOWHERE), "use --drift"),
        (("sensors", "--simulate", "--limit", "0", *NOWHERE), "--limit"),
        (("platform", "--simulate", "--incident", "3", *NOWHERE), "give --days"),
        (("platform", "--simulate", "--incident", "fire@1..2", *NOWHERE), "NAME one of slow_s3"),
        (("platform", "--simulate", "--load", "none", *NOWHERE), "there are office"),
        (("sensors", "--simulate"), "no broker: set STREAMGAUGE_KAFKA"),
    ],
)
def test_a_mistake_in_the_call_ends_with_2_and_says_what_was_expected(arguments, message):
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("\u2502", " ").split())


def test_a_missing_file_is_an_error_of_ours():
    assert isinstance(call("sensors", "no.csv", *NOWHERE).exception, SourceError)


def test_help_shows_kinds_groups_and_examples():
    output = call("--help").output
    for kind in ("sensors", "images", "predictions", "sessions", "platform"):
        assert kind in output
        own = call(kind, "--help").output
        for text in ("How fast, how much", "--resume", "Examples:", f"streamgauge replay {kind}"):
            assert text in own
    assert "--simulate" not in call("sessions", "--help").output


@pytest.mark.integration
def test_a_file_is_replayed_and_summed_up(broker_address, prefix, tmp_path):
    (tmp_path / "a.csv").write_text("ts;flow\n1;2\n2;3\n")
    target = ("--kafka", broker_address, "--topic", f"{prefix}.a")
    result = call("sensors", "a.csv", *target)
    assert result.exit_code == 0
    assert f"replayed 2 events of 1 source into {prefix}.a (4 partitions)" in result.stdout
    told = json.loads(call("sensors", "a.csv", *target, "--json").stdout)
    assert (told["events"], told["first_ts"], told["last_ts"], told["interrupted"]) == (2, 1.0, 2.0, False)
    assert json.loads(call("sensors", "a.csv", *target, "--json", "--resume").stdout)["events"] == 0
    assert call("sensors", "a.csv", *target, "--quiet").output == ""


@pytest.mark.integration
def test_the_topic_has_the_prefix_of_the_settings(broker_address, prefix, monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", broker_address)
    monkeypatch.setenv("STREAMGAUGE_PREFIX", prefix)
    result = call("sensors", "--dataset", "waterflow", "--limit", "3", "--json")
    assert json.loads(result.stdout)["topics"] == {f"{prefix}.sensor.readings": 4}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("file", "topic"),
    [
        ('[streams.pumps]\ntopic = "{0}.pumps"\n', "{0}.pumps"),
        ("[streams.pumps]\n", "{0}.sensor.readings"),
        ('[streams.a]\ntopic = "{0}.a"\n[streams.b]\ntopic = "{0}.b"\n', "{0}.sensor.readings"),
    ],
    ids=["the only stream's", "the only stream names none", "several streams"],
)
def test_the_topic_is_that_of_the_only_stream_of_the_file(
    broker_address, prefix, monkeypatch, tmp_path, file, topic
):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", broker_address)
    monkeypatch.setenv("STREAMGAUGE_PREFIX", prefix)
    (tmp_path / "streamgauge.toml").write_text(file.format(prefix))
    result = call("sensors", "--dataset", "waterflow", "--limit", "3", "--json")
    assert json.loads(result.stdout)["topics"] == {topic.format(prefix): 4}
    result = call("sensors", "--dataset", "waterflow", "--limit", "3", "--json", "--topic", f"{prefix}.said")
    assert json.loads(result.stdout)["topics"] == {f"{prefix}.said": 4}


@pytest.mark.parametrize("form", ['mapping = { source = "device" }', 'format = "messagepack"'])
def test_a_stream_that_expects_another_form_is_not_sent_ours(tmp_path, form):
    (tmp_path / "streamgauge.toml").write_text(f'[streams.meters]\ntopic = "plant"\n{form}\n')
    result = call("sensors", "--dataset", "waterflow", "--limit", "3", *NOWHERE)
    assert result.exit_code == 2
    assert "stream meters reads messages of another form from plant" in " ".join(
        result.output.replace("\u2502", " ").split()
    )


@pytest.mark.integration
def test_sessions_have_the_entity_under_the_name_that_the_stream_expects(
    broker_address, prefix, monkeypatch, tmp_path
):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", broker_address)
    view = '[[streams.shop.views]]\nname = "v"\nfeatures = { n = { count = "*", window = "1h" } }\n'
    (tmp_path / "streamgauge.toml").write_text(
        f'[streams.shop]\nkind = "sessions"\ntopic = "{prefix}.shop"\nentity_field = "customer"\n{view}'
    )
    (tmp_path / "orders.csv").write_text("customer,ts,amount\nalice,10,2.5\n")
    result = call("sessions", "orders.csv", "--json")
    assert json.loads(result.stdout)["events"] == 1

    async def sent():
        tps = [TopicPartition(f"{prefix}.shop", number) for number in range(4)]
        async with AIOKafkaConsumer(
            bootstrap_servers=broker_address, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(tps)
            return json.loads((await consumer.getone()).value)

    assert asyncio.run(sent())["customer"] == "alice"


@pytest.mark.integration
def test_a_simulated_platform_is_replayed_in_order_with_its_truth(broker_address, prefix, tmp_path):
    topic = f"{prefix}.platform"
    asked = (
        "platform",
        "--simulate",
        "--days",
        "0.01",
        "--workers",
        "2",
        "--source",
        "prod",
        "--from-now",
        "--json",
    )
    incident = ("--incident", "slow_s3@2m..5m", "--truth", "truth.jsonl")
    before = time.time()
    result = call(*asked, *incident, "--kafka", broker_address, "--topic", topic)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (truth,) = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert (truth["kind"], truth["nodes"], truth["end"] - truth["start"]) == ("slow_s3", [], 180.0)
    assert before + 100.0 < truth["start"] < time.time() + 121.0

    async def sent():
        async with AIOKafkaConsumer(
            bootstrap_servers=broker_address, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign([TopicPartition(topic, p) for p in range(4)])
            return [await consumer.getone() for _ in range(told["events"])]

    records = asyncio.run(sent())
    assert {record.key for record in records} == {b"prod"}
    assert len({record.partition for record in records}) == 1
    scrapes = [json.loads(record.value) for record in records if b'"samples"' in record.value]
    assert len(scrapes) == 14 * 4 * 3
    assert all(a["ts"] < b["ts"] for a, b in pairwise(scrapes))


@pytest.mark.integration
def test_a_file_that_is_replayed_again_is_told_and_can_begin_now(broker_address, prefix, tmp_path):
    (tmp_path / "a.csv").write_text("ts;flow\n100;2\n101;3\n")
    target = ("sensors", "a.csv", "--kafka", broker_address, "--topic", f"{prefix}.again")
    first = call(*target)
    assert f"made the topic {prefix}.again, which was not there" in first.stderr
    again = call(*target)
    assert f"{prefix}.again has events of a up to 1970-01-01T00:01:41Z already" in again.stderr
    assert "--from-now shifts the times" in again.stderr
    begin = int(time.time())
    told = [json.loads(call(*target, "--from-now", "--json").stdout) for _ in range(2)]
    assert begin <= told[0]["first_ts"] <= time.time()
    # Later than all that is there, and as far apart as in the file.
    assert told[1]["first_ts"] > told[0]["last_ts"] == told[0]["first_ts"] + 1.0
    assert "already" not in call(*target, "--from-now").stderr
    assert json.loads(call(*target, "--from-now", "--resume", "--json").stdout)["events"] == 0


PROGRAM = """
from stream_app.cli.replay import replay_app
replay_app()
"""


@pytest.mark.slow
@pytest.mark.integration
async def test_ctrl_c_stops_cleanly_and_resume_goes_on(broker_address, prefix, tmp_path):
    topic, count = f"{prefix}.a", 6_000
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PROGRAM, "sensors", "--simulate", "--pumps", "3", "--limit", str(count)]
    command += ["--kafka", broker_address, "--topic", topic, "--partitions", "2", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(root), "XDG_STATE_HOME": str(tmp_path)}

    def start(*more):
        return subprocess.Popen(
            [*command, *more], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    consumer = AIOKafkaConsumer(bootstrap_servers=broker_address)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in range(2)]

        async def there():
            if topic not in await consumer.topics():
                return 0
            return sum((await consumer.end_offsets(partitions)).values())

        first = start("--rate", "1000")

        async def enough():
            return await there() > 200

        await eventually(enough)
        first.send_signal(signal.SIGINT)
        out, notes = first.communicate(timeout=20)
        told = json.loads(out)
        assert first.returncode == 130
        assert told["interrupted"]
        assert told["events"] == await there()
        assert b"stopping" in notes
        second = start("--resume")
        rest = json.loads(second.communicate(timeout=60)[0])
        assert second.returncode == 0
        assert (rest["before"], rest["before"] + rest["events"]) == (told["events"], count)
        assert await there() == count
    finally:
        await consumer.stop()
