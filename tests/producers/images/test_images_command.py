"""``streamgauge replay images`` and ``replay-control`` as a person uses them, through a real broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from conftest import eventually
from typer.testing import CliRunner

from producers.control import say
from producers.images import ImageOptions, Stage
from producers.pacing import Pace
from producers.progress import Silent
from producers.remote import Remote
from producers.replay import Replay, run
from stream_app.cli.replay import replay_app
from stream_app.cli.replay_control import replay_control
from stream_app.errors import DataError, SourceError
from stream_app.events.control import MAX_CONTROL_BYTES, ReplayControl, decode_control

app = typer.Typer()
app.callback()(lambda: None)
app.add_typer(replay_app, name="replay")
app.command("replay-control")(replay_control)

NOWHERE = ("--kafka", "127.0.0.1:1")


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """No settings, states or models but the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)


def call(*arguments):
    return CliRunner().invoke(app, [*arguments], terminal_width=200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "b"), "unexpected extra argument"),
        (("--pumps", "2"), "No such option: --pumps"),
        (("--period", "0"), "--period 0: expected more than 0 seconds"),
        (("--part", "both"), "'both' is none; there is test, train"),
        (("--corruption", "rain"), "there is all, noise, blur, contrast"),
        (("--missing-labels", "2"), "a share from 0 to 1"),
        (("--label-delay", "soon"), "'soon' is not a duration"),
        (("--level", "10"), "--level"),
        (("--drift", "flow:mean+2sd@1h.."), "expected a change like level=3@#400.."),
        (("--labels", "x"), "the sample brings its own"),
    ],
)
def test_a_mistake_in_the_call_ends_with_2_and_says_what_was_expected(arguments, message):
    result = call("replay", "images", *arguments, *NOWHERE)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("\u2502", " ").split())


def test_what_cannot_be_read_is_an_error_of_ours(tmp_path):
    assert isinstance(call("replay", "images", "no", *NOWHERE).exception, SourceError)
    (tmp_path / "model").write_text("text")
    wrong = call("replay", "images", "--model", "model", *NOWHERE).exception
    assert isinstance(wrong, SourceError)
    assert "model: not a model of ours" in str(wrong)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "a JSON object"),
        (b"x" * (MAX_CONTROL_BYTES + 1), "a JSON object of at most"),
        (b"{", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b"{}", "a level or an action is expected"),
        (b'{"level": "4"}', "level: "),
        (b'{"level": 10}', "level: "),
        (b'{"level": true}', "level: "),
        (b'{"action": "dance"}', "action: "),
        (b'{"level": 3, "colour": 1}', "colour: "),
    ],
)
def test_a_bad_control_message_is_refused_with_the_reason(raw, message):
    with pytest.raises(DataError, match=message):
        decode_control(raw)


@pytest.mark.integration
@pytest.mark.slow
async def test_both_topics_are_filled_and_an_interrupted_replay_goes_on(
    kafka, prefix, model_file, read_topic, tmp_path, source
):
    topics = [f"{prefix}.image.features", f"{prefix}.predictions"]
    code = "import sys; from stream_app.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "replay", "images", "--model", str(model_file), "--json"]
    command += ["--drift", "level=7@#100..", "--label-delay", "2s", "--limit", "200"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "XDG_STATE_HOME": str(tmp_path),
        "STREAMGAUGE_KAFKA": kafka.bootstrap,
        "STREAMGAUGE_PREFIX": prefix,
    }

    def start(*more):
        return subprocess.Popen([*command, *more], env=environment, stdout=subprocess.PIPE)

    first = start("--rate", "300")
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    async with AsyncExitStack() as stack:
        await consumer.start()
        stack.push_async_callback(consumer.stop)

        async def enough():
            if not set(topics) <= await consumer.topics():
                return False
            parts = [TopicPartition(topic, p) for topic in topics for p in range(4)]
            return sum((await consumer.end_offsets(parts)).values()) > 60

        await eventually(enough)
    first.send_signal(signal.SIGINT)
    told = json.loads((await asyncio.to_thread(first.communicate, timeout=60))[0])
    assert told["interrupted"]
    rest = json.loads((await asyncio.to_thread(start("--resume").communicate, timeout=60))[0])
    assert told["events"] + rest["events"] == 600
    assert rest["before"] == told["events"]
    features, predictions = [await read_topic(topic, n) for topic, n in zip(topics, (200, 400), strict=True)]
    assert {r.key for r in features} == {b"camera-1"}
    assert {r.key for r in predictions} == {b"digits"}
    camera = [json.loads(r.value) for r in features]
    assert [e["id"] for e in camera] == [f"camera-1:{i}" for i in range(200)]
    assert [e["labels"]["level"] for e in camera] == [0] * 100 + [7] * 100
    said = [json.loads(r.value) for r in predictions]
    assert [e["ts"] for e in said] == sorted(e["ts"] for e in said)
    truth = {e["id"]: e["label"] for e in said if "prediction" not in e}
    right = [e["prediction"] == truth[e["id"]] for e in said if "prediction" in e]
    assert len(truth) == len(right) == 200
    assert sum(right[:100]) >= 90
    assert sum(right[100:]) <= 30
    assert list(truth.values()) == source.images.labels[:200].tolist()


@pytest.mark.slow
@pytest.mark.integration
async def test_a_running_replay_does_what_is_said_and_ignores_what_makes_no_sense(
    kafka, prefix, producer, read_topic, source, monkeypatch
):
    monkeypatch.setenv("STREAMGAUGE_PREFIX", prefix)
    control, topic, remote = f"{prefix}.replay.control", f"{prefix}.features", Remote("camera-1")
    stage = Stage("camera-1", ImageOptions(), source.embedding, None, (), 0, remote)
    small = type(source)(source.images, source.embedding, None, source.left, block=10)
    progress = Silent()
    plan = Replay(
        small,
        kafka,
        (topic,),
        1,
        Pace(rate=200.0),
        loop=True,
        change=lambda: stage,
        control=control,
        remote=remote,
    )
    running = asyncio.create_task(run(plan, progress=progress))
    await eventually(lambda: stage._number > 20)
    await producer.send_and_wait(control, b'{"level": 99}')
    await say(kafka, control, ReplayControl(replay="camera-2", level=2))
    await say(kafka, control, ReplayControl(replay="camera-1", level=6))
    await eventually(lambda: remote.level == 6)
    changed = stage._number
    await eventually(lambda: stage._number > changed + 40)
    await say(kafka, control, ReplayControl(action="pause"))
    await eventually(lambda: remote.paused)
    await asyncio.sleep(0.2)
    paused = stage._number
    await asyncio.sleep(0.3)
    assert stage._number == paused
    told = await asyncio.to_thread(
        call, "replay-control", "--resume", "--level", "1", "--kafka", kafka.bootstrap
    )
    assert (told.exit_code, told.stdout) == (0, f"said in {control}\n")
    await eventually(lambda: stage._number > paused + 30)
    await say(kafka, control, ReplayControl(action="stop"))
    summary = await asyncio.wait_for(running, 20)
    assert summary.interrupted
    levels = [json.loads(r.value)["labels"]["level"] for r in await read_topic(topic, summary.events)]
    assert [level for i, level in enumerate(levels) if i == 0 or level != levels[i - 1]] == [0, 6, 1]
    assert any("offset 0: ignored: level" in note for note in progress.notes)
    assert not any("camera-2" in note for note in progress.notes)


def test_replay_control_wants_something_said():
    for arguments in ((), ("--pause", "--stop")):
        result = call("replay-control", *arguments, *NOWHERE)
        assert result.exit_code == 2
        assert "say --level, or one of" in result.output
