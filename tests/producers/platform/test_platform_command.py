"""``streamgauge replay platform`` as a person or a script uses it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import typer
from conftest import eventually
from servers.trino import TrinoServer
from typer.testing import CliRunner

from stream_app.cli.replay import replay_app
from stream_app.embedded import free_port

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
    return CliRunner().invoke(app, ["replay", "platform", *arguments], terminal_width=200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (NOWHERE, "give files to replay, or --prometheus, --scrape, --listen, --trino or --simulate"),
        (("a.csv", "--simulate", *NOWHERE), "one of them"),
        (("a.csv", "--match", "up", *NOWHERE), "--match belongs to --prometheus"),
        (("--trino", "http://t:8080", "--follow", *NOWHERE), "--follow belongs to --prometheus"),
        (("--prometheus", "localhost", *NOWHERE), "'localhost' is no address like http://localhost:9090"),
        (("--prometheus", "http://p", "--step", "often", *NOWHERE), "--step: 'often' is not a duration"),
        (("--prometheus", "http://p", "--step", "0", *NOWHERE), "a tenth of a second at least"),
        (("--prometheus", "http://p", "--start", "later", *NOWHERE), "--start: "),
        (
            ("--prometheus", "http://p", "--start", "20", "--end", "10", *NOWHERE),
            "--start is not before --end",
        ),
        (("--prometheus", "http://p", "--resume", *NOWHERE), "give --start and --end"),
        (("--prometheus", "http://p", "--follow", "--end", "10", *NOWHERE), "exclude each other"),
        (("--prometheus", "http://p", "--remote-read", "--query", "up", *NOWHERE), "cannot be read with"),
        (("--prometheus", "http://p", "--remote-read", "--match", "sum(up)", *NOWHERE), "selects no series"),
        (("--scrape", "http://w1", "--speed", "2x", *NOWHERE), "--speed belongs to what is recorded"),
        (("--scrape", "http://w1", "--max-gap", "2", *NOWHERE), "--max-gap belongs to what is recorded"),
        (("--scrape", "http://w1", "--resume", *NOWHERE), "--resume belongs to what can be asked for again"),
        (("--scrape", "http://w1", "--from-now", *NOWHERE), "--from-now belongs to what is recorded"),
        (("--scrape", "http://w1", "--interval", "0.1", *NOWHERE), "--interval: a second at least"),
        (("--listen", "8090", *NOWHERE), "'8090' is no HOST:PORT"),
        (("--listen", "0.0.0.0:8090", *NOWHERE), "give a token with --token-file"),
        (("--listen", "0.0.0.0:8090", "--token-file", "no", *NOWHERE), "--token-file: no cannot be read"),
        (("--trino", "http://t:8080"), "no broker: set STREAMGAUGE_KAFKA"),
        (("--simulate", "--interval", "2m", *NOWHERE), "--interval: from 1 to 60 seconds"),
    ],
)
def test_a_mistake_in_the_call_ends_with_2_and_says_what_was_expected(arguments, message):
    result = call(*arguments)
    assert message in " ".join(result.output.replace("\u2502", " ").split())
    assert result.exit_code == 2


def test_a_token_of_the_environment_is_not_sent_over_a_network_and_not_shown(monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_PLATFORM_TOKEN", "SESAME")
    result = call("--prometheus", "http://10.0.0.1:9090", *NOWHERE)
    assert result.exit_code == 2
    assert "would send the token readable" in " ".join(result.output.replace("\u2502", " ").split())
    assert "SESAME" not in result.output


@pytest.mark.integration
def test_files_are_replayed_in_the_name_of_the_stream_and_go_on(broker_address, prefix, tmp_path):
    (tmp_path / "streamgauge.toml").write_text(
        f'[streams.trino]\nkind = "platform"\ntopic = "{prefix}.events"\n[streams.other]\nkind = "platform"\ntopic = "b"\n'
    )
    (tmp_path / "m.csv").write_text("at,seen,load\n2026-01-01,2026-01-02,1\n2026-01-03,2026-01-04,2\n")
    arguments = (
        "m.csv",
        "--time-column",
        "at",
        "--kafka",
        broker_address,
        "--topic",
        f"{prefix}.events",
        "--json",
    )
    told = json.loads(call(*arguments).stdout)
    assert (told["events"], told["topics"]) == (2, {f"{prefix}.events": 4})
    again = json.loads(call(*arguments, "--resume").stdout)
    assert (again["events"], again["before"]) == (0, 2)
    assert "prod" not in again["per_partition"]
    later = call(*arguments[:-1], "--from-now")
    assert f"replayed 2 events of 1 platform into {prefix}.events" in later.stdout


PROGRAM = "from stream_app.cli.replay import replay_app; replay_app()"


@pytest.mark.slow
@pytest.mark.integration
async def test_no_query_is_lost_when_the_program_is_killed(broker_address, prefix, tmp_path, sent):
    trino = TrinoServer()
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "platform",
        "--trino",
        trino.url,
        "--interval",
        "1s",
        "--resume",
    ]
    command += [
        "--kafka",
        broker_address,
        "--topic",
        f"{prefix}.platform",
        "--source",
        "prod",
        "--partitions",
        "1",
    ]
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root, "XDG_STATE_HOME": str(tmp_path)}
    ends = (f"2026-01-01 00:{number // 60:02}:{number % 60:02}.000 UTC" for number in range(1000))

    def ended(count):
        for end in itertools.islice(ends, count):
            number = len(trino.rows)
            trino.rows.append(
                {"query_id": f"q{number}", "state": "FINISHED", "query": "SELECT 1", "end": end}
            )

    def start():
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)

    try:
        for questions in (1, 2, 3):
            ended(20)
            process, enough = start(), len(trino.asked) + questions
            await eventually(lambda enough=enough: len(trino.asked) >= enough, timeout=60)
            ended(20)
            process.kill()
            process.wait()
        process = start()
        everything = {f"q{number}" for number in range(120)}
        async with sent() as so_far:

            async def all_there():
                return {record["metadata"]["queryId"] for record in await so_far()} == everything

            await eventually(all_there, timeout=60)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
            assert len(await so_far()) < 240
    finally:
        process.kill()
        process.wait()
        trino.stop()


@pytest.mark.integration
def test_a_listener_tells_its_address_and_ends_with_what_it_sent(broker_address, prefix, tmp_path):
    (tmp_path / "token").write_text("SESAME\n")
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, "platform", "--listen", f"127.0.0.1:{port}", "--json"]
    command += ["--token-file", "token", "--kafka", broker_address, "--topic", f"{prefix}.events"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        notes = []
        while f"waiting for events of Trino at http://127.0.0.1:{port}/\n" not in notes:
            notes.append(process.stderr.readline())
            assert notes[-1], notes
        post = urllib.request.Request(
            f"http://127.0.0.1:{port}/",
            data=b'{"metadata": {"queryId": "q", "query": "SELECT 4711", "queryState": "FINISHED"}, "statistics": {}, "endTime": 1e9}',
            headers={"Authorization": "Bearer SESAME"},
        )
        with urllib.request.urlopen(post, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    told = json.loads(out)
    assert (told["records"], told["platform"], told["interrupted"]) == (1, "platform", True)
    assert "SESAME" not in "".join([*notes, out, err])
    assert "4711" not in "".join([*notes, out, err])
