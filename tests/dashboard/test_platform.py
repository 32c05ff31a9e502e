"""The dashboard's page of data platforms, over what the monitor says of one."""

import json
import re
from pathlib import Path

import pytest
from platform_events import events_of
from servers.dashboard import serving

from stream_app.events import PlatformDecoder
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.settings import PlatformStream
from stream_app.store import AlertWriter, Ownership, PlatformSnapshot, PlatformWriter

pytestmark = pytest.mark.browser

FAULTS = (Path(__file__).parent / "faults.js").read_text(encoding="utf-8")
HOSTILE = "<img src=x onerror=alert(1)>"


def judged():
    """Alerts and what is shown of a platform during an incident on one of its workers, and of one without events yet but changes."""
    arrivals = Arrivals()
    hostile = [
        b'{"source": "other", "ts": 1770000000, "change": {"kind": "deployment", "what": "%s"}}'
        % HOSTILE.encode()
    ]
    for offset, rows in enumerate(
        PlatformDecoder("prod").decode([*events_of(314, slow=range(290, 315)), *hostile])
    ):
        arrivals.rows.extend(rows)
        arrivals.offsets.extend([offset] * len(rows))
        arrivals.record_ts.extend([rows[0].ts] * len(rows))
    monitor = PlatformMonitor(PlatformStream(warmup=200, budget="1 per day"), name="trino")
    outcomes = monitor.take(arrivals)
    names = ["prod", "other"]
    contents = monitor.snapshots_of(names)
    alerts = [alert for outcome in outcomes for alert in outcome.alerts]
    return alerts, [
        PlatformSnapshot(name, arrivals.offsets[-1], 1_770_020_000.0 - i, json.dumps(content).encode())
        for i, (name, content) in enumerate(zip(names, contents, strict=True))
    ]


@pytest.fixture(scope="module")
def address(seeded, redis_as_operator, tmp_path_factory):
    """A dashboard over two platforms."""

    async def fill(store):
        await Ownership(store).take({"stream.trino": "platform from platform.events"})
        alerts, snapshots = judged()
        await AlertWriter(store).write(alerts)
        await PlatformWriter(store, "trino").write(snapshots)

    seeded.do(fill)
    folder = tmp_path_factory.mktemp("platform")
    (folder / "streamgauge.toml").write_text('[streams.trino]\nkind = "platform"\n', encoding="utf-8")
    with serving(folder, **redis_as_operator) as dashboard:
        yield dashboard.address


def part(tab, name):
    return tab.get_by_role("region", name=name)


def test_an_incident_is_shown_with_its_causes_and_the_node_to_blame_first(tab):
    tab.goto("/platform?platform=trino%1Fprod")
    causes = part(tab, "Causes of the newest incident")
    causes.locator("tbody tr").first.wait_for()
    assert causes.locator("tbody tr").first.locator("td").nth(1).inner_text() == "worker-2"
    assert "worker-2" in causes.locator("p").first.inner_text()
    heat = part(tab, "Nodes and metrics")
    assert heat.locator("tbody th").first.inner_text() == "worker-2"
    assert re.match(
        r"^↑ \d", heat.locator("tbody tr").first.locator("td[style*=color-mix]").first.inner_text()
    )
    assert (
        part(tab, "Evidence that it gets worse")
        .locator("svg")
        .get_attribute("aria-label")
        .endswith("1 incident, 1 change")
    )
    classes = part(tab, "Queries by class")
    assert classes.locator("tbody tr").count() == 2
    assert classes.get_by_text("slower").count() > 0
    assert "worker image" in part(tab, "Changes").inner_text()
    plane = part(tab, "Windows in the plane in which they spread most")
    assert 0 < plane.locator("circle.is-marked").count() < plane.locator("circle").count()


def test_the_incident_is_explained_on_its_own_page(tab):
    tab.goto("/platform?platform=trino%1Fprod")
    part(tab, "Incidents").locator("a").first.click()
    tab.get_by_text(re.compile(r"^worker-2.*deployment of worker image 475", re.DOTALL)).first.wait_for()


def test_platforms_are_chosen_and_names_stay_text(tab):
    tab.goto("/platform")
    tab.get_by_label("Platform", exact=True).select_option(label="other / trino")
    part(tab, "Changes").get_by_text(HOSTILE).wait_for()


def test_the_page_can_be_read_by_all(tab):
    tab.goto("/platform?platform=trino%1Fprod")
    part(tab, "Nodes and metrics").locator("tbody tr").first.wait_for()
    for width in (1440, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            tab.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert tab.evaluate(FAULTS) == [], f"{width} px, {theme}"
