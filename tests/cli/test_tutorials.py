"""Every command and every line of Python of the tutorials, done in their order in a folder of one's own."""

import asyncio
import json
import re
import shlex
import time
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.kafka import client_options
from stream_app.kinds import input_topics
from stream_app.settings import load_settings

TUTORIALS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
FENCE = re.compile(r"^```(bash|python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("make demo", "docker compose up -d kafka redis")
"""What a test of the README runs, and what stands for the servers of these tests."""


class Newcomer:
    """Does what pages say, one step after the other."""

    def __init__(self, call, spawn):
        self.call, self.spawn = call, spawn
        self.said, self.printed, self.receivers = {}, [], []

    def follow(self, page, ready=None):
        """Do all of a page.

        `ready` tells, by what a command of JSON prints, whether a worker that was started has done what the next steps show.
        """
        names = {
            "__name__": "__main__",
            "print": lambda *words: self.printed.append(" ".join(map(str, words))),
        }
        mode = "w"
        for language, text in FENCE.findall((TUTORIALS / page).read_text(encoding="utf-8")):
            if language == "toml":
                with Path("streamgauge.toml").open(mode, encoding="utf-8") as file:
                    file.write(text.replace("localhost:9000", f"localhost:{self.port}"))
                mode = "a"
            elif language == "python":
                # Any port will do that is free.
                exec(compile(text.replace("9000", "0"), page, "exec"), names)
                if "server" in names:
                    self.receivers.append(names.pop("server"))
            else:
                for line in text.splitlines():
                    self.run(line, ready)

    @property
    def port(self):
        return self.receivers[-1].server_port if self.receivers else 9000

    def run(self, line, ready):
        if line in ELSEWHERE:
            return
        program, *words = shlex.split(line, comments=True)
        assert program == "streamgauge", line
        if words in (["worker"], ["notify"]):
            process = self.spawn(*words)
            if words == ["worker"]:
                until(lambda: ready(self.call), process)
            return
        said = self.call(*[oldest_incident(self.call) if word == "ID" else word for word in words])
        assert said.code == 0, said
        self.said[line.partition(" ")[2]] = said.out


def until(so, process=None):
    """Wait until something is so."""
    deadline = time.monotonic() + 90
    while not so():
        assert time.monotonic() < deadline, process and process.err
        time.sleep(0.2)


def oldest_incident(call):
    """Return the id of the oldest incident, as lists show it; None while there is none."""
    lines = call("alerts", "list", "--all", "--json").lines
    return json.loads(lines[0])["id"][:8] if lines else None


@pytest.fixture
def newcomer(call, spawn):
    someone = Newcomer(call, spawn)
    yield someone
    for receiver in someone.receivers:
        receiver.shutdown()
        receiver.server_close()


@pytest.fixture
def servers(servers, kafka):
    """Leave no topic behind that has the name of a page, not one of this test."""
    yield

    async def clean():
        admin = AIOKafkaAdminClient(**client_options(kafka))
        await admin.start()
        await admin.delete_topics(list(input_topics(load_settings())))
        await admin.close()

    asyncio.run(clean())


@pytest.mark.slow
def test_a_frame_in_a_notebook(newcomer):
    newcomer.follow("notebook.md")
    assert any("s until the alert" in line for line in newcomer.printed)
    assert Path("flow.png").stat().st_size > 10_000


@pytest.mark.integration
@pytest.mark.slow
def test_pumps_and_being_on_call(servers, newcomer):
    newcomer.follow("pumps.md", ready=oldest_incident)
    assert "pumps/plant" in newcomer.said["alerts list --all"]
    assert "l/min" in newcomer.said["alerts show ID"]
    assert Path("report/summary.html").exists()
    until(lambda: any("pump-2" in line for line in newcomer.printed))
    newcomer.follow("on-call.md")
    assert "on my way" in newcomer.call("alerts", "show", oldest_incident(newcomer.call)).out
    assert re.search(r"1 per day +\S+ \S+ +1 +[1-9]", newcomer.said["budget"])
    until(lambda: "valve closed" in newcomer.call("audit", "list").out)


@pytest.mark.integration
@pytest.mark.slow
def test_live_features_in_an_application(servers, newcomer):
    def all_read(call):
        got = call("features", "get", "ada", "--json")
        return got.code == 0 and json.loads(got.out)["values"]["orders_1d"] == 3

    newcomer.follow("features.md", ready=all_read)
    assert re.search(r"spent_30m +20", newcomer.said["features get ada"])
    assert newcomer.printed == ["ada 20.0 3.0", "ben 0.0 1.0", "eve None None"]


@pytest.mark.integration
@pytest.mark.slow
def test_a_model_in_production(servers, newcomer):
    newcomer.follow("model.md", ready=oldest_incident)
    assert "accuracy" in newcomer.said["alerts show ID"]
    assert "accuracy" in newcomer.said["backtest answers.csv --kind predictions --label-delay 30s"]


def test_each_tutorial_is_followed():
    followed = re.findall(r'follow\("([\w-]+\.md)"', Path(__file__).read_text(encoding="utf-8"))
    assert sorted(followed) == sorted(page.name for page in TUTORIALS.glob("*.md"))
