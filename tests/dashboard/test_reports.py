"""The dashboard's pages of facts and tables in a browser: budget, models, entities, dead letters."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from seeded import PASSWORD
from seeded_pages import HOSTILE, MONITOR_FILE, USER, fill_store, fill_topics
from servers.dashboard import serving

from stream_app.settings import KafkaSettings, RedisSettings

pytestmark = pytest.mark.browser

FAULTS = (Path(__file__).parent / "faults.js").read_text(encoding="utf-8")
PREFIX = "reports"


@pytest.fixture(scope="module")
def address(store_url, broker_address, tmp_path_factory):
    """A dashboard over models, entities, dead letters and budgets."""
    # Playwright has a loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        for work in (
            fill_store(RedisSettings(url=store_url, prefix=PREFIX)),
            fill_topics(KafkaSettings(bootstrap=broker_address), PREFIX),
        ):
            thread.submit(asyncio.run, work).result()
    directory = tmp_path_factory.mktemp("reports")
    (directory / "streamgauge.toml").write_text(MONITOR_FILE, encoding="utf-8")
    with serving(
        directory,
        "--allow-actions",
        STREAMGAUGE_REDIS=store_url,
        STREAMGAUGE_REDIS__USERNAME=USER,
        STREAMGAUGE_REDIS__PASSWORD=PASSWORD,
        STREAMGAUGE_KAFKA=broker_address,
        STREAMGAUGE_PREFIX=PREFIX,
    ) as dashboard:
        yield dashboard.address


def row(tab, part, text):
    """Return the row of a part that has a text."""
    return tab.get_by_role("region", name=part).locator("tr", has_text=text)


def cells(found):
    return [text.strip() for text in found.locator("td").all_inner_texts()]


def test_budget_says_what_was_spent_and_what_a_stricter_one_would_have_told(tab):
    tab.goto("/budget")
    row(tab, "Spent", "pumps").wait_for()
    # Six hours are kept: of a stream without faults that reads a quarter of an alarm is expected.
    row(tab, "Spent", "pumps").get_by_text(re.compile(r"^0\.2[45]\d*$")).wait_for()
    found = cells(row(tab, "Spent", "pumps"))
    assert [found[i] for i in (0, 1, 2, 4, 5)] == ["pumps", "1 per day", "7", "3", "4"]
    assert "counts events" in cells(row(tab, "Spent", "counted"))
    tab.get_by_role("slider", name="Another budget").fill("5")
    stricter = tab.get_by_role("region", name="What 1 per week would have told")
    stricter.locator("tr", has_text="pumps").wait_for()
    # A week is less than a decade from a day: 6.3 is rare enough, 5.4 is not, and a drift's evidence is no rarity.
    assert cells(stricter.locator("tr", has_text="pumps"))[2:] == ["3", "1", "1", "1"]
    assert "budget=1+per+week" in tab.url
    tab.get_by_role("slider", name="Another budget").fill("2")
    laxer = tab.get_by_role("region", name="What 3 per day would have told")
    laxer.locator("tr", has_text="pumps").wait_for()
    assert cells(laxer.locator("tr", has_text="pumps"))[2:] == ["3", "about 4", "0", "0"]


def test_a_model_shows_how_right_it_is_and_why_not(tab):
    tab.goto("/models")
    line = row(tab, "Models", "digits")
    line.get_by_text("Below its baseline").wait_for()
    line.get_by_role("link").click()
    tab.get_by_role("heading", name="digits").wait_for()
    for part, words in {
        "Accuracy": "91.2 % 88.6 % to 93.4 %",
        "Estimated accuracy": "90.0 %",
        "Versions": "Decided: switch.",
        "Classes": "seven 88.0 % 70.0 %",
        "Fairness by hand": "A limit is passed.",
        "Weak slices": "error rate 31.0% where ink < 0.2",
        "Audit": "version v2 after v1",
    }.items():
        text = " ".join(tab.get_by_role("region", name=part, exact=True).inner_text().split())
        assert words in text


def test_an_entity_shows_its_features_at_an_instant_and_the_events_behind_them(tab):
    tab.goto("/entities")
    tab.get_by_role("link", name="17850").click()
    tab.get_by_role("heading", name="17850").wait_for()
    assert cells(row(tab, "Features", "spent_30d")) == ["spent_30d", "6.5"]
    assert row(tab, "Events behind them", "2.5").count() == 1
    tab.get_by_label("Instant").fill("not a time")
    tab.keyboard.press("Enter")
    tab.get_by_role("status").get_by_text("instant").wait_for()
    tab.get_by_label("Instant").fill("1000000000")
    tab.keyboard.press("Enter")
    tab.get_by_text("missing", exact=True).wait_for()
    tab.get_by_role("region", name="Events behind them").get_by_text("None is kept.").wait_for()


def test_a_dead_letter_says_why_and_is_sent_back_once(tab):
    tab.goto("/letters")
    tab.get_by_text("2 dead letters").wait_for()
    letter = row(tab, "Letters", "0:0")
    assert HOSTILE in letter.inner_text()
    letter.get_by_role("link").click()
    tab.get_by_text('{"n": 1, "x": "<b>"}').wait_for()
    tab.get_by_role("button", name="Send back").click()
    tab.get_by_text("say your name first").wait_for()
    tab.get_by_label("Your name").fill("Ada <b>")
    tab.get_by_role("button", name="Send back").click()
    tab.get_by_text("sent to reports.readings by Ada <b>").wait_for()
    assert tab.get_by_role("button", name="Send back").count() == 0


def test_a_file_is_tried_with_a_warm_up_and_a_budget(tab, tmp_path):
    rng = np.random.default_rng(7)
    flow = rng.normal(32.0, 0.4, 1500)
    flow[1200:1300] -= 3.0
    rows = "".join(f"{1_700_000_000 + i},{value:.3f}\n" for i, value in enumerate(flow))
    (tmp_path / "pump<b>.dat").write_text("when,flow\n" + rows)
    tab.set_default_timeout(60_000.0)
    tab.goto("/try")
    tab.get_by_label("Time column").fill("when")
    tab.keyboard.press("Enter")
    tab.get_by_label("File", exact=True).set_input_files(tmp_path / "pump<b>.dat")
    understood = tab.get_by_role("region", name="Understood")
    understood.get_by_text("1,500, ").wait_for()
    assert "when" in understood.inner_text()
    alerts = tab.get_by_role("region", name="Alerts")
    alerts.get_by_text("flow").first.wait_for()
    assert tab.locator(".sg-trial .is-mark").count() > 0
    for width in (1440, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate(FAULTS) == []
    tab.get_by_role("slider", name="Warm-up").fill("6")
    tab.get_by_text("nothing was judged: the warm-up takes the first").wait_for()


@pytest.mark.parametrize("path", ["/try", "/budget", "/models", "/entities", "/letters", "/letters?id=0:1"])
def test_reports_can_be_read_by_all(tab, path):
    tab.goto(path)
    tab.locator(".sg-card, .sg-drop").first.wait_for()
    for width in (1440, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            tab.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert tab.evaluate(FAULTS) == [], f"{width} px, {theme}"
