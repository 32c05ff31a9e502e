"""``streamgauge routes`` and ``silence``, and what ``check`` says of routes."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stream_app.settings import load_settings
from stream_app.store import SilenceStore, connect

pytestmark = pytest.mark.integration


@pytest.fixture
def hook():
    """A receiver that keeps what it is sent, or refuses."""

    class Hook(BaseHTTPRequestHandler):
        bodies, status = [], 204

        def do_POST(self):
            self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(Hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hook.url = f"http://127.0.0.1:{server.server_port}/hunter2-path"
    yield Hook
    server.shutdown()
    server.server_close()


@pytest.fixture
def monitor(place, hook):
    def write(more=""):
        (place / "streamgauge.toml").write_text(
            f'[routes.night]\nmatch = {{ source = "pump-*" }}\n{more}\n'
            f'channel = {{ kind = "webhook", url = "{hook.url}", secret = "hunter2-is-the-secret" }}\n'
        )

    write()
    return write


def test_routes_are_listed_without_secrets(call, monitor, hook):
    shown = call("routes", "list")
    assert shown.code == 0
    assert "night" in shown.out
    assert "webhook" in shown.out
    assert "source pump-*" in shown.out
    (found,) = map(json.loads, call("routes", "list", "--json").lines)
    assert found["to"] == hook.url.removesuffix("/hunter2-path")
    assert "hunter2" not in shown.out + call("config", "show").out + call("check").out


def test_a_test_message_says_that_it_is_one(call, monitor, hook):
    assert call("routes", "test", "night").code == 0
    (event,) = hook.bodies
    assert event["data"]["test"] is True
    assert event["data"]["subject"].startswith("Test of route night: ")
    assert "nothing is wrong" in event["data"]["body"]
    hook.status = 403
    refused = call("routes", "test", "night")
    assert refused.failed("routes.night", "answers 403")
    assert "hunter2" not in refused.err
    assert call("routes", "test", "day").failed("there is no route 'day'; there is night")


def test_without_routes_there_is_nothing_to_notify_by(call, servers):
    assert call("notify").failed("there is no route")
    assert "No routes" in call("routes", "list").out


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('subject = "{{ nothing }}"', "routes.night.subject: UndefinedError"),
        ('body = "{% if %}"', "routes.night.body: line 1"),
    ],
)
def test_check_looks_at_templates(call, monitor, more, problem):
    monitor(more)
    assert problem in call("check").out


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        pytest.param(
            'kind = "apprise", url = "hunter2://me:hunter2@there"',
            "Apprise does not know",
            marks=pytest.mark.slow,  # its import takes seconds
        ),
        ('kind = "webhook", url = "http://a", ca_file = "nowhere"', "nowhere cannot be used"),
        ('kind = "webhook", url = "http://a", secret = "whsec_hunter2!!!!!!"', "is not base64"),
    ],
)
def test_check_looks_at_channels_and_sends_nothing(call, place, channel, problem):
    (place / "streamgauge.toml").write_text(f"[routes.night]\nchannel = {{ {channel} }}\n")
    checked = call("check")
    assert checked.code == 1
    assert problem in checked.out
    assert "routes.night" in checked.out
    assert "hunter2" not in (checked.out + checked.err).replace("hunter2://…", "")


def test_silences_are_added_listed_and_ended(call, servers):
    added = call("silence", "add", "--source", "pump-*", "--for", "8h", "-m", "new pipes", "--by", "Ada")
    assert added.code == 0, added
    (found,) = map(json.loads, call("silence", "list", "--json").lines)
    assert (found["source"], found["by"], found["comment"]) == (["pump-*"], "Ada", "new pipes")
    assert found["ends"] - found["begins"] == 8 * 3600
    assert found["id"] in added.out
    assert "source pump-*" in call("silence", "list").out
    assert call("silence", "remove", found["id"]).code == 0
    assert call("silence", "list").out == "No silences.\n"
    assert found["id"] in call("silence", "list", "--all").out
    assert call("silence", "remove", "00000000").failed("there is no silence '00000000'")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "say what is meant"),
        (("--kind", "fire"), "kind"),
        (("--label", "site"), "NAME=PATTERN"),
        (("--source", "x", "--begin", "soon"), "soon"),
    ],
)
def test_a_silence_that_means_nothing_is_refused(call, servers, options, problem):
    ended = call("silence", "add", "--for", "1h", *options)
    assert ended.code == 2
    assert problem in " ".join(ended.err.split())


def test_silences_that_are_over_for_a_week_are_forgotten(call, servers):
    begin = "2026-01-01T00:00:00Z"
    assert call("silence", "add", "--source", "x", "--for", "1h", "--begin", begin).code == 0

    async def work():
        store = await connect(load_settings().redis)
        silences = SilenceStore(store)
        (one,) = await silences.all()
        await silences.forget(one.ends + 6 * 86_400)
        kept = len(await silences.all())
        await silences.forget(one.ends + 8 * 86_400)
        left = len(await silences.all())
        await store.close()
        return kept, left

    assert asyncio.run(work()) == (1, 0)
