"""Models beside the detector: on the page, over restores, and named when there is none of the kind."""

import json

import pytest
from platform_events import events_of

from stream_app.errors import SettingsError
from stream_app.events import PlatformDecoder
from stream_app.kinds.platform import check_stream
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.settings import PlatformStream

CONFIG = PlatformStream(warmup=30, models=["kmeans", "dbstream"])


def arrivals(values, first=0):
    found = Arrivals()
    for offset, rows in enumerate(PlatformDecoder("prod").decode(values), first):
        for row in rows:
            found.rows.append(row)
            found.offsets.append(offset)
            found.record_ts.append(row.ts)
    return found


def shown(monitor):
    (snapshot,) = monitor.snapshots_of(["prod"])
    return {one["name"]: one for one in snapshot["models"]}


@pytest.fixture(scope="module")
def values():
    return events_of(90, slow=range(84, 90))


def test_what_models_say_of_the_newest_window_is_shown(values):
    monitor = PlatformMonitor(CONFIG)
    monitor.take(arrivals(values[:100]))
    # Nothing is known of any series yet.
    assert shown(monitor) == {
        name: {"name": name, "label": "unknown", "score": None} for name in ("kmeans", "dbstream")
    }
    monitor.take(arrivals(values[100:], 100))
    for said in shown(monitor).values():
        assert said["label"].startswith("cluster")
        assert said["score"] > 0.0


def test_batch_borders_and_restores_change_nothing(values):
    values = values[:600]
    straight = PlatformMonitor(CONFIG)
    straight.take(arrivals(values))
    pieced = PlatformMonitor(CONFIG)
    for begin, end in [(0, 57), (57, 400), (400, 600)]:
        state = pieced.state("prod") if begin else None
        pieced = PlatformMonitor(CONFIG)
        if state is not None:
            pieced.restore("prod", state)
        pieced.take(arrivals(values[begin:end], begin))
    assert shown(pieced) == shown(straight)
    assert json.dumps(pieced.state("prod")["models"]) == json.dumps(straight.state("prod")["models"])


def test_a_model_that_is_added_starts_cold_and_others_go_on(values):
    values = values[:600]
    one = PlatformMonitor(CONFIG.model_copy(update={"models": ("kmeans",)}))
    one.take(arrivals(values))
    both = PlatformMonitor(CONFIG)
    both.restore("prod", one.state("prod"))
    assert shown(both)["kmeans"] == shown(one)["kmeans"]
    assert shown(both)["dbstream"] == {"name": "dbstream", "label": "unknown", "score": None}
    none = PlatformMonitor(PlatformStream(warmup=30))
    none.restore("prod", one.state("prod"))
    assert shown(none) == {}


def test_an_unknown_model_is_told_before_the_worker_starts():
    with pytest.raises(SettingsError, match=r"streams\.trino: unknown online model 'birch'"):
        check_stream("trino", PlatformStream(models=["birch"]))
