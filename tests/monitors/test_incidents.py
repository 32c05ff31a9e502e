"""Incidents of one source: which alerts go together, whatever the order in which batches cut them."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.events import Alert, AlertState, Incident, Severity, grouped
from stream_app.monitors.incidents import IncidentTracker

GAP = 300.0


def alert(name, channel="flow", ts=0.0, *, kind="anomaly", severity=Severity.WARNING, blamed=()):
    return Alert(
        id=name, stream="pumps", source="pump-1", kind=kind, detector=kind, channel=channel,
        state=AlertState.FIRING, severity=severity, started_at=ts, partition=0, offset=int(ts), statistic=2.0,
        threshold=1.0, summary=f"{name}: {channel}", contributions=blamed,
    )  # fmt: skip


def incidents(*told):
    tracker = IncidentTracker(GAP)
    return [tracker.take(one).incident for one in told]


def test_alerts_that_begin_soon_after_each_other_are_one_incident_and_later_ones_another():
    first, second, later = incidents(alert("a"), alert("b", "level", 300.0), alert("c", "speed", 601.0))
    assert (first.id, second.id, later.id) == ("a", "a", "c")
    assert (second.alerts, second.firing, second.started_at, second.changed_at) == (2, 2, 0.0, 300.0)


def test_what_still_fires_takes_alerts_of_the_same_channel_and_of_no_other():
    _, same, other = incidents(
        alert("a"), alert("b", "flow", 5000.0, kind="drift"), alert("c", "speed", 9000.0)
    )
    assert (same.id, other.id) == ("a", "c")


def test_an_alert_of_the_whole_source_goes_with_the_channels_that_it_blames():
    blamed = (("flow", 0.8), ("level", 0.15), ("speed", 0.05))
    first, second, third = incidents(
        alert("a", "*", blamed=blamed), alert("b", "speed", 5000.0), alert("c", "level", 9000.0)
    )
    assert (first.id, second.id, third.id) == ("a", "b", "a")


def test_what_is_over_is_joined_within_the_gap_only():
    one = alert("a")
    told = incidents(one, one.ended(100.0), alert("b", "flow", 400.0), alert("c", "flow", 701.0))
    assert [each.id for each in told] == ["a", "a", "a", "a"]
    told = incidents(one, one.ended(1000.0), alert("b", "level", 1200.0))
    assert [each.id for each in told] == ["a", "a", "b"]
    told = incidents(one, one.ended(1000.0), alert("b", "flow", 1301.0))
    assert [each.id for each in told] == ["a", "a", "b"]


def test_alerts_about_a_model_that_gets_worse_are_one_incident_whatever_slice_they_name():
    told = incidents(
        alert("a", "accuracy", kind="performance"), alert("b", "age < 30", 90_00.0, kind="performance")
    )
    assert [each.id for each in told] == ["a", "a"]


def test_after_a_day_another_alert_is_told_as_a_new_incident():
    assert [each.id for each in incidents(alert("a"), alert("b", ts=86_401.0))] == ["a", "b"]


def test_severity_rises_with_alerts_that_join_and_falls_when_they_end_and_the_worst_leads():
    worst = alert("b", ts=10.0, severity=Severity.CRITICAL)
    told = incidents(alert("a"), worst, worst.ended(50.0), alert("a").ended(90.0))
    assert [each.severity for each in told] == ["warning", "critical", "warning", "critical"]
    assert [each.state for each in told] == ["firing", "firing", "firing", "resolved"]
    assert [each.summary for each in told] == ["a: flow", "b: flow", "b: flow", "b: flow"]
    assert [each.firing for each in told] == [1, 2, 1, 0]


def test_the_channel_that_most_detectors_blame_comes_first_and_repeated_alerts_count_once():
    blamed = (("level", 0.6), ("flow", 0.4))
    again = [alert(name, "level", ts, kind="quality") for name, ts in (("c", 20.0), ("d", 30.0))]
    told = incidents(alert("a", "*", blamed=blamed), alert("b", "flow", 10.0, kind="drift"), *again)
    assert [name for name, _ in told[1].channels] == ["flow", "level"]
    assert told[-1].channels == (("level", 0.5333), ("flow", 0.4667))
    assert told[-1].channels == told[-2].channels


@st.composite
def stories(draw):
    """Beginnings and ends of alerts in the order of their events, at few moments and in few channels."""
    moments = st.sampled_from([0.0, 10.0, 300.0, 301.0, 900.0, 50_000.0, 90_000.0])
    begins = draw(
        st.lists(st.tuples(moments, st.sampled_from(["flow", "level", "*"]), st.booleans()), max_size=12)
    )
    told, firing, now = [], [], 0.0
    for number, (wait, channel, ends) in enumerate(begins):
        now += wait
        told.append(alert(f"{number}", channel, now, kind=draw(st.sampled_from(["anomaly", "performance"]))))
        firing.append(told[-1])
        if ends:
            told.append(firing.pop(draw(st.integers(0, len(firing) - 1))).ended(now + 5.0))
            now += 5.0
    return told


@given(stories(), st.sets(st.integers(0, 24)))
def test_restoring_and_the_passing_of_time_change_no_incident(story, cuts):
    whole = incidents(*story)
    tracker, told = IncidentTracker(GAP), []
    for number, one in enumerate(story):
        told.append(tracker.take(one).incident)
        if number in cuts:
            tracker.pass_time(one.started_at if one.ended_at is None else one.ended_at)
            state, tracker = tracker.state(), IncidentTracker(GAP)
            tracker.restore(state)
    assert told == whole


@given(stories())
def test_each_alert_is_of_one_incident_which_counts_its_alerts(story):
    members: dict[str, set[str]] = {}
    for one, case in zip(story, incidents(*story), strict=True):
        mine = members.setdefault(case.id, set())
        mine.add(one.id)
        assert case.alerts == len(mine)
        assert (case.firing == 0) == (case.state is AlertState.RESOLVED)
    ids = [one for mine in members.values() for one in mine]
    assert len(ids) == len(set(ids)) == len({one.id for one in story})


def incident(source, ts, stream="pumps"):
    return Incident(
        id=f"{stream}-{source}-{ts}", stream=stream, source=source, state="firing", severity="warning",
        started_at=ts, changed_at=ts, alerts=1, firing=1, summary="",
    )  # fmt: skip


@given(
    st.lists(
        st.builds(incident, st.sampled_from("abc"), st.sampled_from([0.0, 30.0, 60.0, 61.0, 500.0])),
        max_size=12,
    ),
    st.randoms(),
)
def test_groups_hold_each_incident_once_and_no_source_twice_whatever_the_order(found, chance):
    found = list({one.id: one for one in found}.values())
    groups = grouped(found)
    assert sorted(one.id for group in groups for one in group) == sorted(one.id for one in found)
    for group in groups:
        assert len({one.source for one in group}) == len(group)
        assert group[-1].started_at - group[0].started_at <= 60.0
    chance.shuffle(found)
    assert grouped(found) == groups


def test_incidents_of_other_streams_are_not_grouped():
    assert len(grouped([incident("a", 0.0), incident("b", 0.0, "meters")])) == 2
