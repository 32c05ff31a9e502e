"""A tracking server that is away, fails, or does not answer; stood in for by a plain HTTP server."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stream_app.errors import ModelRegistryError, ModelRegistryUnavailableError
from stream_app.model_registry import ModelRegistry
from stream_app.settings import Settings


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("stream_app.model_registry.tracking._RETRIES", 0)


@pytest.fixture
def serve():
    """Serve one answer to all; `None` is none at all, until the test ends."""
    servers, over = [], threading.Event()

    def start(status, body=b"", seen=None):
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                if seen is not None:
                    seen.append(dict(self.headers))
                if status is None:
                    over.wait(20)
                    return
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815 the library's name

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def registry(uri, **more):
    return ModelRegistry.open(Settings(registry={"uri": uri, "timeout": 1, **more}))


def test_a_server_that_is_not_there_is_named(impatient, serve):
    uri = "http://127.0.0.1:9"
    with pytest.raises(ModelRegistryUnavailableError, match=f"{uri}: reading the names of models: "):
        registry(uri).names()


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"{}"), (503, b"<html>"), (500, b'{"error_code": "INTERNAL_ERROR", "message": "disk"}')],
)
def test_a_server_that_fails_may_be_asked_later(impatient, serve, status, body):
    with pytest.raises(ModelRegistryUnavailableError, match="reading the versions of loans: "):
        registry(serve(status, body)).versions("loans")


def test_a_server_that_does_not_answer_is_given_up(impatient, serve):
    with pytest.raises(ModelRegistryUnavailableError, match=r"[Tt]imed out"):
        registry(serve(None)).versions("loans")


def test_a_refusal_is_none_that_passes(impatient, serve):
    body = b'{"error_code": "PERMISSION_DENIED", "message": "not for you"}'
    with pytest.raises(ModelRegistryError, match="not for you") as refused:
        registry(serve(403, body)).versions("loans")
    assert not isinstance(refused.value, ModelRegistryUnavailableError)


def test_the_login_is_sent_and_told_to_nobody(impatient, serve, monkeypatch):
    for variable in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{variable}", "")
    seen = []
    said = registry(serve(500, b"{}", seen), token="s3cret", allow_plaintext_password=True)
    with pytest.raises(ModelRegistryUnavailableError) as failed:
        said.names()
    assert seen[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(failed.value)
    assert "s3cret" not in repr(said._settings)
