"""What a route tells of an incident: rules that hold for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routes.conftest import alert

from stream_app.events import AlertState, Severity
from stream_app.routes.judging import judge
from stream_app.routes.message import News, message_key
from stream_app.settings import RouteSettings
from stream_app.store import IncidentStatus, Note, Told, revision

ROUTE = RouteSettings.model_validate(
    {"channel": {"kind": "webhook", "url": "http://localhost/"}, "match": {"severity": "warning"}}
)
CASE = alert(1).case
OVER = CASE.after_end(CASE.started_at + 60, [])


def judged(incident, told=None, *, now=1000.0, kept_back=False, keeps_alive=False, route=ROUTE, **said):
    status = IncidentStatus(incident, **said)
    return judge(
        status, told, route, kept_back=kept_back, repeat_seconds=100.0, keeps_alive=keeps_alive, now=now
    )


def told(state="firing", severity="warning", alerts=1, at=950.0):
    return Told(state, severity, alerts, at, 1)


SAID = Note("Ada", "", 1.0)
INFO = CASE.model_copy(update={"severity": Severity.INFO})
WORSE = CASE.model_copy(update={"severity": Severity.CRITICAL})


@pytest.mark.parametrize(
    ("incident", "before", "said", "news"),
    [
        (CASE, None, {}, News.BEGAN),
        (INFO, None, {}, None),
        (CASE, None, {"muted": SAID}, None),
        (CASE, None, {"kept_back": True}, None),
        (CASE, None, {"acknowledged": SAID}, News.BEGAN),
        (CASE, told(), {}, None),
        (WORSE, told(), {}, News.WORSE),
        (CASE, told(severity="critical"), {}, None),
        (CASE, told(at=800.0), {}, News.AGAIN),
        (CASE, told(at=800.0), {"acknowledged": SAID}, None),
        (CASE, told(at=800.0), {"verdict": Note("Ada", "", 1.0, real=False)}, None),
        (CASE, told(at=800.0), {"verdict": Note("Ada", "", 1.0, real=True)}, News.AGAIN),
        (CASE, told(at=800.0), {"acknowledged": SAID, "keeps_alive": True}, News.AGAIN),
        (CASE, told(state="resolved"), {}, News.BEGAN),
        (OVER, None, {}, News.PASSED),
        (OVER, None, {"kept_back": True}, None),
        (OVER, told(), {}, News.OVER),
        (OVER, told(), {"kept_back": True}, None),
        (OVER, told(), {"muted": SAID}, None),
        (OVER, told(state="resolved"), {}, None),
        (OVER.model_copy(update={"alerts": 2}), told(state="resolved"), {}, News.PASSED),
        (OVER, told(), {"doubted": True}, News.OVER),
        (CASE, None, {"doubted": True}, None),
    ],
)  # fmt: skip
def test_what_is_told(incident, before, said, news):
    assert judged(incident, before, **said).news is news


def test_ends_are_not_told_where_they_are_not_wanted_and_then_it_may_begin_anew():
    silent = ROUTE.model_copy(update={"resolved": False})
    end = judged(OVER, told(), route=silent)
    assert (end.news, end.told.state, end.over) == (None, "resolved", True)
    again = CASE.model_copy(update={"alerts": 2})
    assert judged(again, end.told, route=silent).news is News.BEGAN


def test_whoever_heard_of_the_beginning_hears_of_the_end_once_the_silence_is_over():
    kept_back = judged(OVER, told(), kept_back=True)
    assert (kept_back.over, kept_back.look_at > 1000.0) == (False, True)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(list(Severity)), st.floats(0, 300), st.booleans()),
        max_size=30,
    )
)
def test_beginnings_and_ends_alternate_and_are_never_told_twice(steps):
    """However an incident goes on, each begin is followed by one end, and repeats come between them only."""
    before, now, open_, incident = None, 1000.0, False, CASE
    for fires, severity, pause, kept_back in steps:
        now += pause
        state = AlertState.FIRING if fires else AlertState.RESOLVED
        fresh = fires and incident.state is AlertState.RESOLVED
        changes = {"state": state, "severity": severity, "firing": int(fires), "changed_at": now}
        incident = incident.model_copy(update=changes | {"alerts": incident.alerts + fresh})
        found = judged(incident, before, now=now, kept_back=kept_back)
        if found.news is News.BEGAN:
            assert not open_
        if found.news in {News.WORSE, News.AGAIN, News.OVER}:
            assert open_
        assert found.news is None or found.told is not None
        before = found.told or before
        open_ = before is not None and before.state == "firing"
        assert judged(incident, before, now=now, kept_back=kept_back).news is None


def test_each_transition_of_an_incident_has_a_higher_revision():
    joined = CASE.model_copy(update={"alerts": 2, "firing": 2})
    risen = joined.model_copy(update={"severity": Severity.CRITICAL})
    one_over = risen.after_end(CASE.changed_at, [Severity.WARNING])
    over = one_over.after_end(CASE.changed_at, [])
    anew = over.model_copy(update={"alerts": 3, "firing": 1})
    found = [revision(one) for one in (CASE, joined, risen, one_over, over, anew)]
    assert sorted(set(found)) == found


def test_a_key_is_that_of_what_is_told():
    tellings = [("a", "began", 1), ("b", "over", 2)]
    key = message_key("", "night", "g", tellings)
    assert key == message_key("", "night", "g", tellings[::-1])
    others = {
        message_key("plant", "night", "g", tellings),
        message_key("", "day", "g", tellings),
        message_key("", "night", "h", tellings),
        message_key("", "night", "g", [("a", "began", 2), ("b", "over", 2)]),
        message_key("", "night", "g", tellings[:1]),
    }
    assert len(others | {key}) == 6
