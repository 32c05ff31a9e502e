"""What the README tells a newcomer to do, done."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.events import decode_readings
from stream_app.kafka import client_options
from stream_app.settings import KafkaSettings, load_settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKE = {
    "demo": ".venv/bin/streamgauge demo",
    "test": '.venv/bin/python -m pytest -m "not slow and not faults and not browser" --hypothesis-profile=quick -n auto --dist loadfile --no-loadscope-reorder',
}
FAULTS = ("valve_closing", "cavitation", "sensor_stuck")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


LINES = [line for block in blocks("bash") for line in block.splitlines()]
COMMANDS = [shlex.split(line)[1:] for line in LINES if line.startswith("streamgauge ")]
FILE_REPLAY = re.search(r"`streamgauge (replay sensors plant\.csv[^`]*)`", README)


def test_every_command_is_one_of_ours():
    assert {line.split()[0] for line in LINES} == {"make", "streamgauge"}
    assert {line.split()[1] for line in LINES if line.startswith("make ")} == set(MAKE)


@pytest.mark.parametrize("target", MAKE)
def test_make_runs_what_it_says(target):
    # The make that runs these tests hands its own arguments down.
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))
    }
    ran = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT, env=plain, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    # Whatever else it would do sets up the environment, once.
    assert ran.stdout.splitlines()[-1].strip() == MAKE[target]


@pytest.mark.parametrize("text", blocks("json"))
def test_the_event_is_a_reading(text):
    (row,) = decode_readings([text.encode()])
    assert (row.source, row.ts) == ("pump-1", 1_700_000_000.0)
    assert row.values == {"flow": 124.6, "pressure": 1.2, "current": None}


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """The directory that the README leads to: its own settings, and a file of one's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)
    (settings,) = blocks("toml")
    (tmp_path / "streamgauge.toml").write_text(settings, encoding="utf-8")
    values = np.random.default_rng(3).normal((124.6, 1.2), (0.8, 0.03), size=(1200, 2))
    values[800:900, 0] -= 6.0
    rows = [f"{1_700_000_000 + i / 5},{flow:.3f},{pressure:.3f}" for i, (flow, pressure) in enumerate(values)]
    (tmp_path / "plant.csv").write_text("\n".join(["time,flow,pressure", *rows]) + "\n")
    return tmp_path


def test_the_settings_load(plant):
    settings = load_settings()
    assert settings.kafka.servers == ["localhost:9094"]
    assert settings.redis.url.get_secret_value() == "redis://localhost:6379/0"
    (stream,) = settings.streams.values()
    assert stream.topic == "pumps"


def test_the_compose_file_has_the_servers_and_a_worker_of_the_stream(plant):
    settings = load_settings()
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    ports = {
        name: services[name]["ports"][0].rpartition(":")[0].rpartition(":")[2] for name in ("kafka", "redis")
    }
    assert [f"localhost:{ports['kafka']}"] == settings.kafka.servers
    assert settings.redis.url.get_secret_value() == f"redis://localhost:{ports['redis']}/0"
    (mounted,) = services["worker"]["volumes"]
    file, there, _ = mounted.split(":")
    assert services["worker"]["environment"]["STREAMGAUGE_CONFIG"] == there
    assert load_settings(ROOT / file).streams == settings.streams


@pytest.fixture
def servers(plant, monkeypatch, broker_address, store_url, prefix):
    """Lead to the tests' servers instead of localhost, and leave no topic behind."""
    said = {
        "KAFKA": broker_address,
        "REDIS": store_url,
        "PREFIX": prefix,
        "WORKER__GROUP": prefix,
        "WORKER__SESSION_TIMEOUT": "6",
    }
    for name, value in said.items():
        monkeypatch.setenv(f"STREAMGAUGE_{name}", value)
    monkeypatch.setenv("XDG_STATE_HOME", str(plant / "state"))
    yield

    async def clean():
        admin = AIOKafkaAdminClient(**client_options(KafkaSettings(bootstrap=broker_address)))
        await admin.start()
        await admin.delete_topics([load_settings().streams["pumps"].topic])
        await admin.close()

    asyncio.run(clean())


def streamgauge(*words, code=0):
    ran = subprocess.run(
        [sys.executable, "-m", "stream_app", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == code, ran
    assert "Traceback" not in ran.stderr
    return ran.stdout


def worked_off(events):
    """Wait until the live features are made of so many events."""
    deadline = time.monotonic() + 60
    while True:
        ran = subprocess.run(
            [sys.executable, "-m", "stream_app", "features", "get", "pump", "--json"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if ran.returncode == 0 and json.loads(ran.stdout)["values"]["events"] == events:
            return
        assert time.monotonic() < deadline, ran
        time.sleep(0.2)


@pytest.mark.integration
@pytest.mark.slow
def test_the_first_own_stream(plant, servers):
    said = {}
    worker = None
    try:
        for command in COMMANDS:
            if command == ["worker"]:
                with (plant / "worker.log").open("wb") as log:
                    worker = subprocess.Popen(
                        [sys.executable, "-m", "stream_app", *command], stderr=log, stdout=log
                    )
                worked_off(5000)
            else:
                said[" ".join(command)] = streamgauge(*command)
        worker.terminate()
        assert worker.wait(5) == 0, (plant / "worker.log").read_text()
    finally:
        if worker is not None and worker.poll() is None:
            worker.kill()
            worker.wait()

    # The topic is looked at before the first event.
    assert [line.split()[0] for line in said["check"].splitlines()] == ["ok", "ok", "look", "ok"]
    assert "pump" in said["features list"]
    assert {"channel", "flow", "pressure", "events"} <= set(
        re.findall(r"^\w+", said["features get pump"], re.MULTILINE)
    )
    for looked in ("alerts list --all", "alerts tail --no-follow"):
        assert "pumps/pump" in said[looked]
    # The leak was found while it was there.
    told = map(json.loads, streamgauge("alerts", "list", "--all", "--json").splitlines())
    begin = 1_700_000_000.0
    assert any(begin + 4000 <= alert["started_at"] <= begin + 4300 for alert in told)
    assert (plant / "report" / "summary.html").exists()


@pytest.mark.integration
@pytest.mark.slow
def test_a_file_of_your_own(plant, servers):
    told = streamgauge(*shlex.split(FILE_REPLAY[1]))
    assert "replayed 1,200 events of 1 source" in told
    # It goes where the stream of the settings reads.
    assert "into pumps " in told


def test_the_demo_is_described_as_it_is():
    from stream_app.cli.demo import scenario  # noqa: PLC0415 for this one test

    assert [fault.name for fault in scenario.FAULTS] == list(FAULTS)
    assert scenario.EVENTS == 4 * 3600
    assert "four hours" in README
    assert "three faults" in README


@pytest.mark.slow
def test_the_demo_leaves_nothing_behind_and_stays_away_from_servers_in_use(tmp_path):
    environment = os.environ | {
        "STREAMGAUGE_KAFKA": "127.0.0.1:1",
        "STREAMGAUGE_REDIS": "redis://127.0.0.1:2/0",
        "STREAMGAUGE_PREFIX": "production",
        "TMPDIR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }
    demo = subprocess.Popen(
        [sys.executable, "-m", "stream_app", "demo"], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )  # fmt: skip
    try:
        told = demo.stdout.readline()
        kafka, redis = map(
            int, re.search(r"127\.0\.0\.1:(\d+), store on redis://127\.0\.0\.1:(\d+)", told).groups()
        )
        assert 1 not in {kafka, redis}
        assert 2 not in {kafka, redis}
        assert listening(kafka)
        assert listening(redis)
        # It has filled the topic and is at work when it is told to end.
        assert "Caught up" in demo.stdout.readline()
        demo.terminate()
        assert demo.wait(20) == 128 + signal.SIGTERM
    finally:
        demo.kill()
        demo.wait()
    assert not listening(kafka)
    assert not listening(redis)
    assert not list(tmp_path.iterdir())


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_the_demo_finds_every_fault_within_two_minutes(tmp_path):
    from make_pictures import WIDTH  # noqa: PLC0415 as above

    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")}
    begin = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "stream_app", "demo"],
        capture_output=True, text=True, check=False, timeout=180, cwd=tmp_path, env=environment | {"COLUMNS": str(WIDTH)},
    )  # fmt: skip
    seconds = time.monotonic() - begin
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert seconds < 120
    for fault in FAULTS:
        assert re.search(rf"^{fault} +\d+ s +\S", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^drift, from the pixels +\d+ images +0 ", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^accuracy, from its[a-z ]* +\d+ images +0 ", ran.stdout, re.MULTILINE), ran.stdout
    assert "missed" not in ran.stdout
    assert re.search(r"^flow( +-?[\d.e-]+){6} *$", ran.stdout, re.MULTILINE)
    assert re.search(r"[\d,]+ events a second", ran.stdout)
    # The picture shows this run, but for speeds and the moment of the features. Of images, other processors may round otherwise.
    drawn = joined(
        unescape(re.sub(r"<[^>]+>", "", (ROOT / "docs/images/demo.svg").read_text(encoding="utf-8")))
    )
    for table in (r"^ *Alerts *\n(.+?)^digits", r"^ *Faults *\n(.+?)^ *Digits"):
        shown = joined(re.search(table, ran.stdout, re.MULTILINE | re.DOTALL)[1])
        assert shown in drawn, "run docs/make_pictures.py"


def joined(text):
    return "".join(text.split())
