"""When a view counts as stale."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.features import Feature, FeatureView, Sliding
from stream_app.events import AlertState, LogId
from stream_app.monitors.sessions import NewestEvent, judge_freshness

VIEW = FeatureView("v", (Feature("n", "count", window=Sliding(60)),), freshness=30.0)


def newest(ts, written=None, offset=0):
    return NewestEvent(ts, ts if written is None else written, 0, offset)


def test_a_view_is_stale_when_its_newest_event_is_too_long_ago():
    assert judge_freshness(VIEW, newest(100.0), None, 130.0) is None
    alert = judge_freshness(VIEW, newest(100.0), None, 130.5)
    assert (alert.kind, alert.source, alert.started_at, alert.statistic) == ("quality", "v:v1", 130.0, 30.5)


def test_a_view_that_never_had_an_event_or_was_never_live_is_not_stale():
    assert judge_freshness(VIEW, None, None, 1e9) is None
    assert judge_freshness(VIEW, newest(100.0, written=1e9), None, 1e9) is None


def test_an_alert_goes_on_until_an_event_comes_and_is_the_same_until_then():
    alert = judge_freshness(VIEW, newest(100.0), None, 140.0)
    assert judge_freshness(VIEW, newest(100.0, written=150.0, offset=9), alert, 200.0) == alert
    # Also where the log expired meanwhile.
    assert judge_freshness(VIEW, None, alert, 1e6) == alert
    # A late event is not one that makes it fresh.
    assert judge_freshness(VIEW, newest(120.0, written=200.0, offset=9), alert, 200.0) == alert
    ended = judge_freshness(VIEW, newest(195.0, offset=12), alert, 200.0)
    assert (ended.id, ended.state, ended.ended_at, ended.end_offset) == (
        alert.id,
        AlertState.RESOLVED,
        195.0,
        12,
    )


def test_an_alert_names_the_life_of_the_topic_that_has_the_newest_event_where_that_is_the_one_of_now():
    before, now = LogId(3, "ZsBjVgVsRyyGRMw_zDC3_g"), LogId(5, "XKnnuC0yQ8adrwYh08xuMA")
    told = [
        judge_freshness(VIEW, NewestEvent(100.0, 100.0, number, 7), None, 140.0, now)
        for number in (before.number, now._replace(partition=3).number)
    ]
    assert [(alert.partition, alert.life) for alert in told] == [(3, ""), (3, now.life)]
    assert told[0].id != told[1].id


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.booleans()), max_size=30))
def test_beginnings_and_ends_take_turns_and_none_is_told_twice(steps):
    now, event, firing, told = 1000.0, newest(1000.0), None, []
    for offset, (seconds, comes) in enumerate(steps, start=1):
        now += seconds
        if comes:
            event = newest(now, offset=offset)
        alert = judge_freshness(VIEW, event, firing, now)
        assert (alert is not None) == (firing is not None or now - event.event_ts > 30.0)
        if alert is not None and alert != firing:
            told.append((alert.id, alert.state))
        firing = alert if alert is not None and alert.state is AlertState.FIRING else None
    states = [state for _, state in told]
    assert states == [AlertState.FIRING, AlertState.RESOLVED] * (len(told) // 2) + [AlertState.FIRING] * (
        len(told) % 2
    )
    assert len(set(told)) == len(told)
