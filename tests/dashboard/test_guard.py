"""Who gets to see the dashboard: hosts, origins and the password, for pages and websockets."""

import pytest
from argon2 import PasswordHasher

from stream_app.dashboard.guard import Guard

PASSWORD = "correct horse"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"inner 1.2")]})
    await send({"type": "http.response.body", "body": b"a page"})


async def ask(guard, path="/", *, method="GET", kind="http", body=b"", host="localhost:8080", **headers):
    """Ask, and return what was sent first."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    named = {"host": host} | headers
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "scheme": "http",
        "query_string": b"",
        "server": ("127.0.0.1", 8080),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    await guard(scope, receive, send)
    return sent[0]


def header(message, name):
    return dict(message["headers"]).get(name.encode(), b"").decode()


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "localhost"])
async def test_this_machine_may_look(host):
    page = await ask(Guard(app, None), host=host)
    assert page["status"] == 200
    assert header(page, "server") == "streamgauge"
    assert "default-src 'self'" in header(page, "content-security-policy")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8080", ""])
async def test_a_page_elsewhere_that_leads_a_browser_here_reads_nothing(host):
    assert (await ask(Guard(app, None), host=host))["status"] == 421
    assert (await ask(Guard(app, None), host=host, kind="websocket", origin=f"http://{host}"))["type"] == (
        "websocket.close"
    )


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9090"])
@pytest.mark.parametrize("password", [None, HASH], ids=["open", "password"])
async def test_pages_of_other_origins_can_do_nothing(origin, password):
    guard = Guard(app, password)
    assert (await ask(guard, method="POST", origin=origin))["status"] == 403
    assert (await ask(guard, kind="websocket", origin=origin))["type"] == "websocket.close"


async def test_what_changes_something_must_name_its_origin():
    guard = Guard(app, None)
    assert (await ask(guard, method="POST"))["status"] == 403
    assert (await ask(guard, kind="websocket"))["type"] == "websocket.close"
    assert (await ask(guard, kind="websocket", origin="http://localhost:8080"))["type"] == "websocket.accept"


async def test_nothing_is_shown_before_the_password():
    guard = Guard(app, HASH)
    assert header(await ask(guard, "/", host="monitor.example"), "location") == "/login"
    assert (await ask(guard, "/_nicegui/x.js"))["status"] == 401
    assert (await ask(guard, kind="websocket", origin="http://localhost:8080"))["type"] == "websocket.close"
    assert (await ask(guard, "/login"))["status"] == 200
    assert (await ask(guard, "/assets/style.css"))["status"] == 200


async def test_the_password_opens_a_session_and_others_do_not(monkeypatch):
    monkeypatch.setattr("stream_app.dashboard.guard._PAUSE_SECONDS", 3600.0)
    guard = Guard(app, HASH)
    ours = {"method": "POST", "origin": "http://localhost:8080"}
    wrong = await ask(guard, "/login", body=b"password=guess", **ours)
    assert wrong["status"] == 401
    assert (await ask(guard, "/login", body=b"password=correct+horse", **ours))["status"] == 429
    guard = Guard(app, HASH)
    right = await ask(guard, "/login", body=b"password=correct+horse", **ours)
    cookie = header(right, "set-cookie")
    assert right["status"] == 303
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    session = cookie.partition(";")[0]
    assert (await ask(guard, "/", cookie=session))["status"] == 200
    opened = await ask(guard, kind="websocket", origin="http://localhost:8080", cookie=session)
    assert opened["type"] == "websocket.accept"
    until, _, mark = session.partition(".")
    for forged in (f"{until}9.{mark}", f"{until}.", "streamgauge-session=1.x", session[:-1] + "g"):
        assert (await ask(guard, "/", cookie=forged))["status"] == 303
    assert (await ask(Guard(app, HASH), "/", cookie=session))["status"] == 303


@pytest.mark.parametrize("hashed", ["$argon2id$nonsense", HASH], ids=["damaged", "whole"])
async def test_long_bodies_and_damaged_hashes_let_nobody_in(hashed):
    body = b"password=" + b"x" * 100_000
    answer = await ask(Guard(app, hashed), "/login", method="POST", origin="http://localhost:8080", body=body)
    assert answer["status"] == 401
