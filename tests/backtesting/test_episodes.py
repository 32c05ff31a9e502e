"""Alerts from beginning to end, and what changed."""

import pytest

from stream_app.backtesting import EPISODE_COLUMNS, AlertEpisode, episodes_of
from stream_app.events import Alert, AlertState, Severity


def alert(name="1", **more):
    said = {
        "id": name, "stream": "sensors", "source": "pump", "kind": "drift", "detector": "drift.level", "channel": "flow",
        "state": AlertState.FIRING, "severity": Severity.WARNING, "started_at": 60.0, "partition": 0, "offset": 6,
        "statistic": 2.0, "threshold": 1.0, "summary": "drift in flow",
    }  # fmt: skip
    return Alert(**(said | more))


def test_beginnings_and_ends_are_joined_in_the_order_of_the_beginnings():
    first, second = alert("1"), alert("2", started_at=70.0)
    episodes = episodes_of([first, second, second.ended(80.0, 8), alert("0").ended(90.0, 9)])
    assert episodes == [AlertEpisode(first), AlertEpisode(second, second.ended(80.0, 8))]


@pytest.mark.parametrize(
    ("detector", "context", "change"),
    [
        ("drift.level", {"mean_before": 1.0, "mean_after": 2.0, "std_before": 3.0}, "mean 1 → 2"),
        (
            "drift.scale",
            {"mean_before": 1.0, "mean_after": 1.0, "std_before": 3.0, "std_after": 4.5},
            "std 3 → 4.5",
        ),
        ("drift.correlation", {"correlation_before": 0.5, "events_since_onset": 9.0}, "correlation 0.5"),
        ("quality.range", {"value": 120.0, "high": 100.0}, "value 120"),
        ("quality.silence", {"usual_gap": 1.0}, ""),
    ],
)
def test_what_changed_is_said_by_the_figures_of_the_alert(detector, context, change):
    assert str(AlertEpisode(alert(detector=detector, context=context)).change) == change


def test_an_alert_of_all_channels_names_the_one_most_to_blame():
    whole = {"channel": "*", "contributions": (("level", 0.8), ("flow", 0.2))}
    assert AlertEpisode(alert(**whole)).channel == "level"
    assert AlertEpisode(alert(channel="*")).channel == "*"


def test_a_row_is_plain():
    row = AlertEpisode(alert(), alert().ended(80.5, 8, severity=Severity.CRITICAL)).to_dict()
    assert tuple(row) == EPISODE_COLUMNS
    assert (row["started_at"], row["ended_at"]) == ("1970-01-01T00:01:00.000Z", "1970-01-01T00:01:20.500Z")
    assert (row["severity"], row["row"]) == ("critical", 6)
