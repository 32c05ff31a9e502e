"""A dashboard in a process of its own over a store with sources and incidents in it, and a browser."""

import uuid

import pytest
from seeded import OPERATOR, PASSWORD, PATIENCE, Seeded
from servers.dashboard import CHROMIUM, QUIET, serving
from servers.proxy import Proxy

from stream_app.settings import RedisSettings


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
    with serving(folder, "--allow-actions", **redis_as_operator) as dashboard:
        yield dashboard.address


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
