"""A dashboard in a process of its own over a store with sources and incidents in it, and a browser."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
from seeded import OPERATOR, PASSWORD, PATIENCE, Seeded
from servers.proxy import Proxy

from stream_app.embedded import free_port
from stream_app.settings import RedisSettings

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def proxy(store_url):
    """The way to the store, which a test can cut."""
    with Proxy(int(store_url.rpartition(":")[2].partition("/")[0])) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def seeded(store_url):
    found = Seeded(RedisSettings(url=store_url, prefix=f"d{uuid.uuid4().hex[:10]}"))
    found.fill()
    return found


@contextmanager
def serving(folder, *options, **environment):
    """Run the dashboard of a folder with a monitor file; yield its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", "dashboard", "--port", str(port), *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    deadline = time.monotonic() + 3 * PATIENCE
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=PATIENCE).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def redis_as_operator(seeded, proxy):
    return {
        "STREAMGAUGE_REDIS": f"redis://127.0.0.1:{proxy.port}/0",
        "STREAMGAUGE_REDIS__USERNAME": OPERATOR,
        "STREAMGAUGE_REDIS__PASSWORD": PASSWORD,
        "STREAMGAUGE_PREFIX": seeded.settings.prefix,
    }


@pytest.fixture(scope="session")
def address(redis_as_operator, tmp_path_factory):
    """Where the dashboard is."""
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "streamgauge.toml").write_text('[streams.pumps]\nkind = "sensors"\n', encoding="utf-8")
    with serving(folder, "--allow-actions", **redis_as_operator) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def tab(browser, address):
    """A tab of a desk's size; whatever fails in it or is asked of elsewhere fails the test."""
    context = browser.new_context(
        base_url=address, viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin"
    )
    context.set_default_timeout(1000 * PATIENCE)
    wrong = []
    tab = context.new_page()
    tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    tab.on(
        "request",
        lambda request: (
            request.url.startswith((address, address.replace("http", "ws"), "data:"))
            or wrong.append(f"asked elsewhere: {request.url}")
        ),
    )
    yield tab
    context.close()
    assert wrong == []
