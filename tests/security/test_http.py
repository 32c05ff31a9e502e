"""The worker's HTTP port: who may read what, and what it tells those who may not."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from stream_app.embedded import free_port
from stream_app.errors import SettingsError
from stream_app.runtime import http
from stream_app.runtime.health import Health
from stream_app.runtime.http import start_http
from stream_app.runtime.metrics import Metrics
from stream_app.settings import Settings, WorkerSettings

TOKEN = "0123456789abcdef-token"


@dataclass
class Watched:
    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)
    now: Health = field(
        default_factory=lambda: Health(ok=True, ready=True, detail={"status": "ok", "redis": "ok"})
    )

    def health(self):
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


@dataclass
class Answer:
    status: int
    headers: dict
    body: str


@pytest.fixture
async def serve():
    """Serve a worker's health on a free port, and ask over a plain socket."""
    stops = []

    async def start(**settings):
        port = free_port()
        watched = Watched(Settings(worker=WorkerSettings(metrics_port=port, **settings)))
        stops.append(await start_http(watched))

        async def ask(path="/livez", *, method="GET", host="127.0.0.1", raw=None, body=b"", **headers):
            lines = [f"{method} {path} HTTP/1.1", "Connection: close"]
            lines += [] if host is None else [f"Host: {host}:{port}"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            return await exchange(port, raw or "\r\n".join([*lines, "", ""]).encode() + body)

        return watched, ask

    yield start
    for stop in stops:
        await stop()


async def exchange(port, sent, timeout=10.0):
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        received = await reader.read()
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(status.split()[1]), headers, body.decode())


async def test_on_loopback_everything_can_be_read_without_a_token(serve):
    _, ask = await serve()
    assert (await ask("/livez")).body == '{"status": "alive"}'
    assert (await ask("/readyz")).body == '{"status": "ready"}'
    assert json.loads((await ask("/healthz")).body) == {"status": "ok", "redis": "ok"}
    metrics = await ask("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "# HELP streamgauge_events_total" in metrics.body


async def test_a_worker_that_is_not_well_says_so_and_lives(serve):
    watched, ask = await serve()
    watched.now = Health(ok=False, ready=False, detail={"status": "degraded", "redis": "away for 12 s"})
    assert (await ask("/livez")).status == 200
    assert (await ask("/readyz")).status == 503
    health = await ask("/healthz")
    assert (health.status, json.loads(health.body)["redis"]) == (503, "away for 12 s")


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Cookie": f"token={TOKEN}"},
    ],
)
async def test_without_the_token_nothing_is_told(serve, path, headers):
    watched, ask = await serve(http_token=TOKEN)
    watched.now = Health(ok=False, ready=False, detail={"redis": "away for 12 s"})
    answer = await ask(path, **headers)
    assert (answer.status, answer.body) == (401, "401 Unauthorized\n")
    assert answer.headers["www-authenticate"] == 'Bearer realm="streamgauge"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_with_the_token_all_is_told_and_probes_need_none(serve, scheme):
    _, ask = await serve(http_token=TOKEN)
    for path in ("/healthz", "/metrics"):
        assert (await ask(path, Authorization=f"{scheme} {TOKEN}")).status == 200
    for path in ("/livez", "/readyz"):
        answer = await ask(path)
        assert answer.status == 200
        assert set(json.loads(answer.body)) == {"status"}


async def test_without_the_token_nobody_learns_which_pages_there_are(serve):
    _, ask = await serve(http_token=TOKEN)
    assert (await ask("/nothing")).status == (await ask("/metrics", method="PUT")).status == 401
    assert (await ask("/nothing", Authorization=f"Bearer {TOKEN}")).status == 404


async def test_a_token_in_the_address_does_not_count(serve):
    _, ask = await serve(http_token=TOKEN)
    assert (await ask(f"/metrics?token={TOKEN}&access_token={TOKEN}")).status == 401


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", None])
async def test_a_loopback_port_answers_those_who_ask_for_loopback(serve, host):
    _, ask = await serve()
    raw = b"GET /metrics HTTP/1.0\r\n\r\n" if host is None else None
    assert (await ask("/metrics", host=host, raw=raw)).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])
async def test_a_foreign_page_cannot_read_a_loopback_port_under_its_own_name(serve, host):
    _, ask = await serve()
    for path in ("/metrics", "/healthz"):
        assert (await ask(path, host=host)).status == 421


async def test_behind_a_token_any_name_will_do(serve):
    _, ask = await serve(http_host="0.0.0.0", http_token=TOKEN)
    assert (await ask("/metrics", host="worker-1.example", Authorization=f"Bearer {TOKEN}")).status == 200


async def test_anonymous_reading_has_to_be_asked_for(serve):
    _, ask = await serve(http_host="0.0.0.0", http_allow_anonymous=True)
    assert (await ask("/metrics", host="worker-1.example")).status == 200


async def test_no_page_of_another_origin_is_let_in(serve):
    _, ask = await serve()
    answer = await ask("/metrics", Origin="https://evil.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = await ask("/metrics", method="OPTIONS", Origin="https://evil.example")
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
async def test_there_is_nothing_to_write(serve, method):
    _, ask = await serve()
    answer = await ask("/metrics", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["announced", "chunked", "small"],
)
async def test_a_body_is_refused_before_it_is_read(serve, request_):
    _, ask = await serve()
    answer = await ask(raw=request_)
    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["long line", "long header", "many headers", "TLS", "HTTP/2", "negative", "smuggling"],
)
async def test_what_is_too_large_or_no_http_is_refused_in_one_line(serve, request_, caplog):
    _, ask = await serve()
    answer = await ask(raw=request_)
    assert 400 <= answer.status < 500
    assert answer.body in {"400 Bad Request\n", "431 Request Header Fields Too Large\n"}
    assert not caplog.records, "whoever can reach the port could fill the log"
    assert (await ask()).status == 200


@pytest.mark.parametrize(
    "path", ["/livez", "/nothing", "/table", "/router", "/..%2f..%2fetc/passwd", "/metrics/"]
)
async def test_no_answer_tells_what_runs_here(serve, path):
    _, ask = await serve()
    answers = [await ask(path), await ask(path, method="POST"), await ask(raw=b"no http\r\n\r\n")]
    for answer in answers:
        assert answer.headers["server"] == "streamgauge"
        told = f"{answer.headers} {answer.body}".lower()
        assert not any(word in told for word in ("python", "aiohttp", "faust", "traceback"))
    assert answers[0].status == (200 if path == "/livez" else 404)


async def test_what_cannot_be_expected_is_refused_without_a_word_of_what_runs_here(serve):
    _, ask = await serve()
    answer = await ask(Expect="200-ok")
    assert (answer.status, answer.headers["server"]) == (417, "streamgauge")


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_an_error_of_ours_is_not_shown(serve, accept):
    watched, ask = await serve()
    watched.now = RuntimeError("a secret inside")
    answer = await ask("/healthz", Accept=accept)
    assert (answer.status, answer.body) == (500, "500 Internal Server Error\n")
    assert (await ask("/livez")).status == 200


async def test_it_is_open_on_one_address_only(serve):
    watched, _ = await serve()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.2", watched.settings.worker.metrics_port)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /livez HTTP/1.1\r\nHost: loc"], ids=["nothing", "half a request"]
)
async def test_a_connection_that_asks_nothing_is_closed(serve, monkeypatch, sent):
    monkeypatch.setattr(http, "_PATIENCE_SECONDS", 0.3)
    watched, _ = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", watched.settings.worker.metrics_port)
    writer.write(sent)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "worker.example"])
def test_open_to_others_without_a_token_is_refused(host):
    with pytest.raises(ValueError, match="can be reached by others: set http_token"):
        WorkerSettings(metrics_port=9464, http_host=host)
    assert WorkerSettings(metrics_port=9464, http_host=host, http_token=TOKEN).http_exposed
    assert WorkerSettings(metrics_port=9464, http_host=host, http_allow_anonymous=True).token is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_no_token_is_needed(host):
    assert not WorkerSettings(metrics_port=9464, http_host=host).http_exposed


@pytest.mark.parametrize("token", ["short", "with blanks in the middle", "0123456789äöüß-token"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token):
    with pytest.raises(ValueError, match="16 characters or more") as caught:
        WorkerSettings(http_token=token)
    assert token not in str(caught.value)


async def test_a_port_that_is_taken_is_named(serve):
    watched, _ = await serve()
    port = watched.settings.worker.metrics_port
    with pytest.raises(SettingsError, match=f"metrics_port: {port} cannot be opened on 127.0.0.1"):
        await start_http(watched)
