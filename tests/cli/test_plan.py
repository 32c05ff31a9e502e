"""``streamgauge plan``."""

import json

from typer.testing import CliRunner

from stream_app.cli.main import program

LOADS = ["sensors:sources=10000,channels=8,rate=5000", "sessions:sources=100000,fields=2,kept=30,rate=2000"]


def run(*arguments):
    return CliRunner().invoke(program(["plan"]), ["plan", *arguments])


def test_each_stream_has_a_line_and_margins_and_machine_are_named():
    ended = run(*LOADS)
    assert ended.exit_code == 0
    heading, sensors, sessions, total, _, *rest = ended.output.splitlines()
    assert heading.split()[:4] == ["stream", "sources", "events/s", "partitions"]
    assert sensors.split()[:3] == ["sensors", "10,000", "5,000"]
    assert sessions.split()[:3] == ["sessions", "100,000", "2,000"]
    assert total.startswith("all")
    said = " ".join(rest)
    assert "maxmemory" in said
    assert "Margins: a worker busy for 50% of its core" in said
    assert "Measured on " in said


def test_programs_read_the_same_as_json():
    ended = run(*LOADS, "--json")
    found = json.loads(ended.output)
    assert [one["kind"] for one in found["streams"]] == ["sensors", "sessions"]
    assert found["redis_bytes"] == sum(one["redis_bytes"] for one in found["streams"])
    assert found["maxmemory"] == found["margins"]["redis"] * found["redis_bytes"]
    assert found["measured"]["machine"]


def test_more_than_one_redis_can_do_is_said():
    assert "divide the streams" in run("sensors:sources=10000,channels=8,rate=5000000").output
