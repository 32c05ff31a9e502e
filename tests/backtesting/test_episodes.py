"""Alerts from beginning to end, and what changed."""

from dataclasses import replace

import pytest

from stream_app.backtesting import EPISODE_COLUMNS, AlertEpisode, Change, episodes_of
from stream_app.backtesting.incidents import IncidentEpisode, incidents_of, last_states
from stream_app.backtesting.listing import incident_rows
from stream_app.events import Alert, AlertState, Severity
from stream_app.monitors.incidents import IncidentTracker


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
        ("drift.level", {"mean_before": 1.0, "mean_after": 2.0, "std_before": 3.0}, Change("mean", 1.0, 2.0)),
        (
            "drift.scale",
            {"mean_before": 1.0, "mean_after": 1.0, "std_before": 3.0, "std_after": 4.5},
            Change("std", 3.0, 4.5),
        ),
        (
            "drift.correlation",
            {"correlation_before": 0.5, "events_since_onset": 9.0},
            Change("correlation", 0.5),
        ),
        ("quality.range", {"value": 120.0, "high": 100.0}, Change("value", None, 120.0)),
        ("quality.silence", {"usual_gap": 1.0}, Change()),
    ],
)
def test_what_changed_is_said_by_the_figures_of_the_alert(detector, context, change):
    assert AlertEpisode(alert(detector=detector, context=context)).change == change


def test_an_alert_of_all_channels_names_the_one_most_to_blame():
    whole = {"channel": "*", "contributions": (("level", 0.8), ("flow", 0.2))}
    assert AlertEpisode(alert(**whole)).channel == "level"
    assert AlertEpisode(alert(channel="*")).channel == "*"


def test_a_row_is_plain():
    row = AlertEpisode(alert(), alert().ended(80.5, 8, severity=Severity.CRITICAL)).to_dict()
    assert tuple(row) == EPISODE_COLUMNS
    assert (row["started_at"], row["ended_at"]) == ("1970-01-01T00:01:00.000Z", "1970-01-01T00:01:20.500Z")
    assert (row["severity"], row["row"], row["seconds"]) == ("critical", 6, 20.5)


def incidents(*alerts, **more):
    """The incidents of alerts, which have all become known in these transitions."""
    episodes = [replace(episode, **more) for episode in episodes_of(alerts)]
    return incidents_of(episodes, last_states(alerts))


def test_an_incident_is_listed_by_date_and_by_place_where_rows_have_no_times():
    began = alert(started_at=1_583_751_884.0)
    told = incidents(began, began.ended(1_583_751_958.0), place="plant.csv:749")
    assert incident_rows(told, members=True) == [
        ("began (UTC)", "lasted", "source", "kind", "severity", "what"),
        ("2020-03-09 11:04:44", "1 min 14 s", "pump", "drift", "warning", "drift in flow"),
    ]
    lasts = incidents(alert(), place="plant.csv:749", timed=False, false=True)
    assert incident_rows(lasts, members=True) == [
        ("began at", "lasted", "source", "kind", "severity", "alarm", "what"),
        ("plant.csv:749", "to the end", "pump", "drift", "warning", "false", "drift in flow"),
    ]


def test_alerts_of_one_cause_are_one_incident_with_its_members_below():
    tracker = IncidentTracker(gap=300.0)
    first, second = (
        alert("1"),
        alert("2", started_at=90.0, severity=Severity.CRITICAL, kind="anomaly", summary="anomaly"),
    )
    other = alert("3", started_at=5000.0, source="pump")
    transitions = [first, second, first.ended(100.0), second.ended(180.0), other]
    told = incidents(*map(tracker.take, transitions))
    assert [(one.incident.id, len(one.alerts), one.seconds, one.false) for one in told] == [
        ("1", 2, 120.0, None),
        ("3", 1, None, None),
    ]
    assert [row[1:] for row in incident_rows(told, members=True)[1:4]] == [
        ("2 min", "pump", "drift, anomaly", "critical", "anomaly (+1 alert)"),
        ("40 s", "", "drift", "warning", "drift in flow"),
        ("1 min 30 s", "", "anomaly", "critical", "anomaly"),
    ]
    assert len(incident_rows(told, members=False)) == 3


@pytest.mark.parametrize(
    ("said", "false"),
    [((True, True), True), ((True, False), False), ((None, True), True), ((None, None), None)],
)
def test_an_incident_is_false_if_all_its_alerts_are(said, false):
    members = tuple(AlertEpisode(alert(str(i)), false=one) for i, one in enumerate(said))
    assert IncidentEpisode(alert("0").case, members).false is false
