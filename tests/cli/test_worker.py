"""``streamgauge worker`` as a process: starts, stops, tells how it is."""

import json
import signal
import time
import urllib.error
import urllib.request

import pytest

from stream_app.embedded import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EVENTS = 3000


@pytest.fixture
def replayed(call, servers):
    def replay(events):
        ended = call("replay", "sensors", "--simulate", "--limit", events, "--quiet", "--json")
        assert ended.code == 0
        return json.loads(ended.out)

    return replay


def seen(call):
    """How many events the live features of the simulated pump are made of."""
    found = call("features", "get", "pump", "-f", "events", "--json")
    return json.loads(found.out)["values"]["events"] if found.code == 0 else 0


def wait_for(check, timeout=20.0):
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_within_seconds_with_everything_stored(spawn, call, replayed, number):
    replayed(EVENTS)
    # The first checkpoint by the clock is far away: what is stored, the end has stored.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMGAUGE_WORKER__CHECKPOINT_INTERVAL", "600")
        worker = spawn("worker").until('"event": "watching"')
    wait_for(lambda: seen(call) == EVENTS)
    ended = worker.end(number, timeout=5.0)
    assert ended.code == 0
    assert ended.out == ""
    last = json.loads(ended.err.splitlines()[-1])
    assert (last["event"], last["level"]) == ("stopped", "info")
    # Another one has nothing to do over again, and goes on where this one stopped.
    again = spawn("worker").until('"event": "watching"')
    claimed = [json.loads(line) for line in again.err.splitlines() if "partition claimed" in line]
    assert sum(line["next_offset"] or 0 for line in claimed) == EVENTS
    assert again.end().code == 0


def test_a_signal_ends_it_also_while_kernels_are_compiled(spawn, servers, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    ended = spawn("worker").until("compiling the detection kernels").end(timeout=15.0)
    assert ended.code == 0
    assert [json.loads(line)["event"] for line in ended.err.splitlines()][-1] == "stopped"


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_and_health_on_loopback(spawn, call, replayed, monkeypatch):
    replayed(500)
    port = free_port()
    monkeypatch.setenv("STREAMGAUGE_WORKER__METRICS_PORT", str(port))
    worker = spawn("worker").until('"event": "watching"')
    assert get(port, "/livez") == (200, '{"status": "alive"}')
    wait_for(lambda: get(port, "/healthz")[0] == 200)
    assert json.loads(get(port, "/healthz")[1])["status"] == "ok"
    assert get(port, "/readyz") == (200, '{"status": "ready"}')
    wanted = 'streamgauge_events_total{stream="sensors"} 500.0'
    wait_for(lambda: wanted in get(port, "/metrics")[1])
    assert get(port, "/nothing")[0] == 404
    # The port is taken: another one says so.
    assert call("worker").failed(f"worker.metrics_port: {port} cannot be opened")
    assert worker.end().code == 0


def test_logs_are_json_lines_of_its_own_unless_more_is_wanted(spawn, servers):
    ended = spawn("worker").until('"event": "watching"').end()
    assert ended.code == 0
    told = [json.loads(line)["event"] for line in ended.err.splitlines()]
    made = "the topic of a stream was not there, and is made"
    assert set(told) == {made, "partition claimed", "watching", "stopped"}
    more = spawn("worker", "--verbose").until('"event": "watching"').end()
    assert len(more.err.splitlines()) > len(told)
