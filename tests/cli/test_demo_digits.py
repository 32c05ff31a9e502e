"""The demo's part on images: what it shows, and what it says where packages are missing."""

import json
import sys
from io import StringIO

import pytest
from rich.console import Console

from producers.images.source import PERIOD
from stream_app.cli.demo import scenario
from stream_app.cli.demo.digits import (
    IMAGES,
    LABEL_DELAY,
    ONSET,
    digits_later,
    digits_replay,
    digits_table,
    findings,
)
from stream_app.events import Alert, AlertState, Severity
from stream_app.events.control import ReplayControl
from stream_app.settings import KafkaSettings, RedisSettings, Settings
from stream_app.tables.table import FIRST


def settings():
    return Settings.model_construct(
        kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
        redis=RedisSettings(url="redis://127.0.0.1:2/0"),
        prefix="",
    )


def alert(number, kind="drift", source="camera-1", detector="drift.distance"):
    at = FIRST + number * PERIOD
    return Alert(
        id=f"{source}{number}", stream="s", source=source, kind=kind, detector=detector, channel="",
        state=AlertState.FIRING, severity=Severity.WARNING, started_at=at, partition=0, offset=number,
        statistic=1.0, threshold=0.5, summary=f"told at {number}",
    )  # fmt: skip


def test_without_the_extra_the_demo_goes_on_and_says_what_to_install(monkeypatch):
    out = StringIO()
    monkeypatch.setattr(scenario, "console", Console(file=out, width=200))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert scenario._digits(settings(), 1) is None
    assert "images need scikit-learn; install it" in out.getvalue()


@pytest.mark.slow
def test_digits_fail_in_the_middle_and_their_labels_follow(tmp_path):
    replay = digits_replay(settings(), tmp_path / "model.skops", seed=1)
    events = [event for batch in replay.events() for event in batch.encode()]
    assert len(events) == replay.total
    assert replay.topics == ("image.features", "predictions")
    later = digits_later(replay, seed=1)
    going = later.events()
    first, last = json.loads(next(going).encode()[0]), json.loads(events[-2])
    assert (first["id"], first["labels"]) == (f"camera-1:{IMAGES}", {"level": 0})
    assert first["ts"] == pytest.approx(FIRST + IMAGES * PERIOD)
    assert last["ts"] < first["ts"] + LABEL_DELAY
    later.remote.take(ReplayControl(level=6))
    assert json.loads(next(going).encode()[0])["labels"]["level"] == 6


def test_what_was_found_is_counted_in_images_from_the_failure_on():
    found = findings(
        [
            alert(ONSET - 400),
            alert(ONSET + 30),
            alert(ONSET + 13),
            alert(ONSET + 50, "performance", "digits", "accuracy"),
        ]
    )
    assert [finding.alert and finding.alert.summary for finding in found] == [
        "told at 1013",
        None,
        "told at 1050",
    ]
    assert [finding.false_alarms for finding in found] == [1, 0, 0]
    out = StringIO()
    Console(file=out, width=150).print(digits_table(found))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "drift, from the pixels 13 images 1 told at 1013" in lines
    assert "accuracy, before its labels missed 0" in lines
