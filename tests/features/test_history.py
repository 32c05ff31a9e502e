"""Training rows are what serving gave: at that instant, and never more."""

import pytest
from feature_cases import OPTIONS, event_lists, view_with
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_features import Event, admitted, read

from stream_app.core.features import Evaluator, Feature, FeatureView, Layout, Sliding, micros
from stream_app.errors import DataError
from stream_app.events import SessionRow
from stream_app.features import Recorded, point_in_time
from stream_app.monitors.sessions import SessionArrivals, SessionConfig, SessionMonitor

INSTANTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]), st.integers(0, 15), st.sampled_from([-1e-6, 0.0, 1e-6, 0.5, 5.0, 40.0])
    ),
    min_size=1,
    max_size=6,
)


def recorded(events, delays):
    """Events of entity a as a topic has them; each came some seconds after it happened."""
    now, out = 0.0, []
    for i, (event, delay) in enumerate(zip(events, delays, strict=False)):
        now = max(now, event.ts + delay)
        values = {} if event.amount is None else {"amount": event.amount}
        row = SessionRow("a", event.ts, event.type, values, {"item": event.item}, event.id)
        out.append(Recorded(row, 0, i, now))
    return out


def instants_of(topic, picks):
    moments = [event.row.ts for event in topic] or [1000.0]
    return [(entity, micros(moments[i % len(moments)] + step) / 1e6) for entity, i, step in picks]


@pytest.mark.slow
@settings(max_examples=150)
@given(OPTIONS, event_lists(most=25), INSTANTS)
def test_history_is_the_definition_as_of_each_instant(options, events, picks):
    view = view_with(**options)
    topic = recorded(events, [0.0] * len(events))
    instants = instants_of(topic, picks)
    taken = admitted(view, [Event(**{**vars(e), "offset": i, "partition": 0}) for i, e in enumerate(events)])
    for row in point_in_time(SessionConfig((view,)), "v:v1", topic, instants):
        expected = read(view, taken if row.entity == "a" else [], row.at)
        assert (row.values, row.event_ts) == (expected.values, expected.event_ts)
        assert set(row.incomplete) == expected.incomplete


@pytest.mark.slow
@settings(max_examples=100)
@given(
    OPTIONS,
    event_lists(most=25),
    st.lists(st.sampled_from([0.0, 1.0, 10.0]), min_size=25, max_size=25),
    INSTANTS,
)
def test_history_by_arrival_is_what_was_served_then(options, events, delays, picks):
    view = view_with(**options)
    config = SessionConfig((view,))
    topic = recorded(events, delays)
    evaluator = Evaluator(Layout(view))
    for row in point_in_time(config, "v:v1", topic, instants_of(topic, picks), known="arrival"):
        worker = SessionMonitor(config)
        here = [event for event in topic if event.record_ts < row.at]
        worker.update(
            SessionArrivals([e.row for e in here], [e.offset for e in here], [e.record_ts for e in here])
        )
        log = worker.log(row.entity, "v:v1")
        served = None if log is None else evaluator.read(log, micros(row.at))
        assert list(row.values.values()) == ([None] * len(row.values) if served is None else served.values)


def test_a_purchase_does_not_see_itself():
    view = FeatureView("v", (Feature("spent", "sum", "amount", Sliding(60)),))
    topic = [Recorded(SessionRow("a", 10.0, values={"amount": 5.0}), 0, i, 10.0) for i in range(2)]
    rows = point_in_time(SessionConfig((view,)), "v:v1", topic, [("a", 10.0), ("a", 10.000001), ("b", 11.0)])
    assert [(row.values["spent"], row.event_ts) for row in rows] == [(None, None), (10.0, 10.0), (None, None)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "v"}, "no feature view 'v'"),
        ({"features": ["x"]}, "has no feature 'x'"),
        ({"instants": [("a", float("nan"))]}, "an instant is in epoch seconds"),
    ],
)
def test_wrong_questions_are_answered_in_words(options, message):
    view = FeatureView("v", (Feature("n", "count", window=Sliding(60)),))
    asked = {"view": "v:v1", "events": [], "instants": [("a", 1.0)]} | options
    with pytest.raises(DataError, match=message):
        point_in_time(SessionConfig((view,)), **asked)
