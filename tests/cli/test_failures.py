"""Failures: one line, the right exit code, nothing secret."""

import contextlib
import os
import signal
import socket

import pytest

from stream_app.cli.main import main
from stream_app.cli.show import console

NOW = 1_700_000_000
NOWHERE = "127.0.0.1:1"
SECRET = "hunter2secret"
LOOKING = [
    ("alerts", "tail", "--no-follow"),
    ("alerts", "list"),
    ("alerts", "show", "ab"),
    ("alerts", "ack", "ab"),
    ("features", "get", "pump"),
    ("features", "watch", "pump"),
    ("features", "list"),
]


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_without_a_store_they_say_how_to_name_one(call, command):
    assert call(*command).failed("no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0")


def test_a_worker_without_servers_says_how_to_name_them(call):
    assert call("worker").failed("no broker: set STREAMGAUGE_KAFKA=HOST:PORT")
    assert call("worker", "--kafka", NOWHERE).failed("no store: set STREAMGAUGE_REDIS")


@pytest.mark.slow
def test_a_store_that_is_away_is_one_line_without_its_password(spawn, monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_REDIS", f"redis://:{SECRET}@{NOWHERE}/0")
    # All at once: each tries for seconds.
    for call in [spawn(*command) for command in (LOOKING[1], LOOKING[4], ("worker", "--kafka", NOWHERE))]:
        ended = call.wait()
        assert ended.failed(f"Redis at redis://{NOWHERE} cannot be reached")
        assert SECRET not in ended.out + ended.err
        assert "Traceback" not in ended.err


WRITING = [
    ("--version",),
    ("--help",),
    ("replay", "--help"),
    ("config",),
    ("check",),
    ("backtest", "events.csv"),
]


@pytest.fixture
def run_into(place, monkeypatch, capsys):
    """Run the program in this process with a file as its standard output; return its code and standard error."""
    rows = (f"{NOW + i},pump,{i % 7}\n" for i in range(300))
    (place / "events.csv").write_text("ts,source,flow\n" + "".join(rows))

    def run_into(file, command):
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", file)
            # After a closed pipe rich's console prints nothing more.
            patch.setattr(console, "quiet", False)
            patch.setattr("sys.argv", ["streamgauge", *command])
            with pytest.raises(SystemExit) as ended:
                main()
        # What could not be written is kept, to be written with what comes next.
        console._buffer.clear()
        with contextlib.suppress(BrokenPipeError):
            file.close()
        return ended.value.code, capsys.readouterr().err

    return run_into


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_a_full_disk_is_one_line(run_into, command):
    code, err = run_into(open("/dev/full", "w"), command)  # noqa: PTH123, SIM115 closed by whom it is given to
    assert (code, err) == (1, "streamgauge: standard output: No space left on device\n")


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_a_closed_pipe_ends_without_a_word(run_into, command):
    reader, writer = os.pipe()
    os.close(reader)
    assert run_into(os.fdopen(writer, "w"), command) == (1, "")


def test_a_package_that_hides_ours_is_named(place, spawn):
    hiding = place / "producers" / "__init__.py"
    hiding.parent.mkdir()
    hiding.touch()
    ended = spawn("replay", "sensors", "--simulate").wait()
    assert ended.failed(f"{hiding} is imported in place of Streamgauge's package")


@pytest.mark.slow
@pytest.mark.integration
def test_a_broker_that_is_away_is_one_line_after_some_attempts(spawn, servers):
    ended = spawn("worker", "--kafka", NOWHERE).wait()
    assert ended.failed(f"Kafka at {NOWHERE} cannot be reached (tried 5 times)")
    assert "Traceback" not in ended.err


@pytest.mark.integration
def test_a_wrong_password_is_not_repeated(spawn, servers, store_url, monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_REDIS", store_url.replace("//", f"//nobody:{SECRET}@"))
    ended = spawn("alerts", "list").wait()
    assert ended.failed("Redis at")
    assert SECRET not in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("alerts", "list", "--kind", "typhoon"), "'typhoon' is not one of"),
        (("alerts", "tail", "--from", "yesterday"), "'yesterday' is not RFC 3339"),
        (("alerts", "tail", "--last", "-1"), "--last"),
        (("alerts", "show"), "Missing argument"),
        (("alerts", "list", "--redis", "nonsense"), "not a Redis URL"),
        (("worker", "--kafka", "nonsense"), "'nonsense' is not HOST:PORT"),
        (("check", "--kafka", f"user:{SECRET}@broker:9092"), "no user or password in the address"),
        (("features", "watch", "pump", "--interval", "0"), "--interval"),
        (("worker", "--nonsense"), "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_in_the_call_ends_with_2(call, arguments, says):
    ended = call(*arguments)
    assert ended.code == 2
    assert says in " ".join(ended.err.replace("│", " ").split())
    assert ended.out == ""
    assert SECRET not in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "command", [("worker",), ("alerts", "list"), ("features", "list"), ("config", "show")]
)
def test_mistakes_in_the_file_are_a_line_each_and_name_the_key(call, place, command):
    (place / "streamgauge.toml").write_text("[streams.pumps]\nwarmup = 3\nchanels = 3\n")
    ended = call(*command)
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "streamgauge: streamgauge.toml: streams.pumps.warmup: Input should be greater than or equal to 30",
        "streamgauge: streamgauge.toml: streams.pumps.chanels: no such setting",
    ]


def test_several_views_ask_for_one(call, place, monkeypatch):
    (place / "streamgauge.toml").write_text("[streams.a]\ntopic = 'a'\n[streams.b]\ntopic = 'b'\n")
    ended = call("features", "list")
    assert ended.code == 2
    assert "name one of the views: a, b" in ended.err


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        ('budget = "often"', "the budget 'often' cannot be read"),
        ('detectors = [{ name = "nonsense" }]', "unknown detector 'nonsense'"),
        ('detectors = [{ name = "adwin", parameters = { x = 1 } }]', "has no parameter 'x'"),
        ('detectors = [{ name = "ks", parameters = { x = 1 } }]', "has no parameter 'x'"),
        ('channels = ["flow"]\ndetectors = [{ name = "ks", channels = ["flwo"] }]', "ks is for flwo"),
        ('detectors = [{ name = "ks" }, { name = "ks", channels = ["flow"] }]', "ks is there twice"),
    ],
)
@pytest.mark.integration
def test_a_worker_does_not_start_with_a_detector_that_cannot_be_made(call, servers, place, stream, says):
    (place / "streamgauge.toml").write_text(f"[streams.pumps]\ntopic = 'pumps'\n{stream}\n")
    assert call("worker").failed("streams.pumps", says)


@pytest.mark.slow
def test_ctrl_c_ends_a_call_that_waits_with_130_and_without_a_word(spawn):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        call = spawn("check", "--kafka", f"127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()
        with connection:
            ended = call.end(signal.SIGINT)
    assert (ended.code, ended.out, ended.err) == (130, "", "")
