"""The page of a camera in a browser, over a worker and a replay that run: moving the level is seen, and found."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from seeded import PATIENCE
from servers.dashboard import ROOT, serving

from stream_app.dashboard.pages.camera import PUBLISHED

pytestmark = pytest.mark.browser

FAULTS = (Path(__file__).parent / "faults.js").read_text(encoding="utf-8")
MONITOR_FILE = """
[streams.images]
kind = "images"
warmup = 200
window_rows = 200

[streams.predictions]
kind = "predictions"
baseline = 200
window = 200
"""


@contextmanager
def running(folder, environment, *command):
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address(store_url, broker_address, tmp_path_factory):
    """A dashboard over a camera that sends 200 images a second."""
    folder = tmp_path_factory.mktemp("camera")
    (folder / "streamgauge.toml").write_text(MONITOR_FILE, encoding="utf-8")
    environment = {
        "STREAMGAUGE_REDIS": store_url,
        "STREAMGAUGE_KAFKA": broker_address,
        "STREAMGAUGE_PREFIX": "camera",
    }
    replay = ("replay", "images", "--loop", "--speed", "8", "--quiet", "--model", "digits.skops")
    with ExitStack() as stack:
        stack.enter_context(running(folder, environment, "worker"))
        stack.enter_context(running(folder, environment, *replay))
        yield stack.enter_context(serving(folder, "--allow-actions", **environment)).address


def row(tab, level):
    return tab.get_by_role("region", name="By level").locator("tbody tr").nth(level)


def cell(tab, level, head):
    return row(tab, level).locator(f"td[data-head={head}]").element_handle()


def test_the_level_is_moved_and_accuracy_falls_and_an_alert_appears(tab):
    tab.set_default_timeout(3000 * PATIENCE)
    tab.goto("/camera")
    tab.wait_for_function(
        "cell => Number(cell.innerText.replace(/\\D/g, '')) >= 500", arg=cell(tab, 0, "Images")
    )
    tab.wait_for_function("cell => parseFloat(cell.innerText) > 80", arg=cell(tab, 0, "Accuracy"))
    pictures = tab.get_by_role("region", name="Clean and degraded").locator("img")
    assert pictures.count() == 16
    assert pictures.first.get_attribute("src") == pictures.nth(8).get_attribute("src")

    tab.get_by_role("slider", name="Degraded to level").fill("6")
    row(tab, 6).get_by_text("6 now").wait_for()
    # Level 6 leaves nothing to recognise: one of ten is right.
    tab.wait_for_function("cell => parseFloat(cell.innerText) < 40", arg=cell(tab, 6, "Accuracy"))
    assert pictures.first.get_attribute("src") != pictures.nth(8).get_attribute("src")
    tab.get_by_role("region", name="Incidents").locator("tbody tr", has_text="firing").first.wait_for()
    for width in (1440, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate(FAULTS) == [], f"{width} px"


def test_the_published_figures_are_those_of_the_documentation():
    page = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d \| .*\| ([\d.]+) % \|$", page, re.MULTILINE)
    assert tuple(round(float(one) / 100, 3) for one in rows) == PUBLISHED
