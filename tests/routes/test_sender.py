"""What a route sends: once by its key, whatever the receiver does; not what is silenced, inhibited or seen to."""

import asyncio
import json
import time
import tracemalloc

import pytest
from conftest import eventually
from routes.conftest import FULL, Desk, alert, ended, receiving, route_to
from security.real import needs_redis
from servers.redis import RedisServer

from stream_app.events import Severity, TraceContext
from stream_app.events.audit import AuditKind
from stream_app.routes.route import routes_of
from stream_app.routes.sender import Sender
from stream_app.settings import RedisSettings
from stream_app.store import AlertWriter, IncidentReader, RouteStore, Silence, SilenceStore, connect

pytestmark = pytest.mark.integration


@pytest.fixture
def quick(monkeypatch):
    """Look again soon at what is kept back."""
    monkeypatch.setattr("stream_app.routes.judging._LOOK_AGAIN_SECONDS", 0.1)


async def told(receiver, *expected):
    await eventually(lambda: set(expected) <= set(receiver.incidents))


async def test_beginning_repeat_and_end_of_an_incident(with_routes, desk, receiver):
    desk.start(with_routes(night=route_to(receiver, repeat_interval=1.0)))
    one = alert(1)
    await desk.tell(one)
    await told(receiver, ("pump-1", "began"), ("pump-1", "again"))
    await desk.tell(ended(one))
    await told(receiver, ("pump-1", "over"))
    event = next(iter(receiver.taken.values()))
    assert (event["type"], event["subject"]) == ("io.streamgauge.message.v1", "sensors")
    assert event["data"]["subject"] == (
        "[warning] sensors/pump-1: mean of flow 124.6 → 118.2 (1), since 2023-11-14 22:13:21 UTC"
    )
    assert event["data"]["counts"] == {"began": 1}
    assert receiver.incidents["pump-1", "over"] == 1


async def test_what_began_and_ended_before_its_message_is_told_once(with_routes, desk, receiver):
    desk.start(with_routes(night=route_to(receiver)))
    one = alert(1)
    await desk.tell(one, ended(one), due=time.time() + 0.5)
    await told(receiver, ("pump-1", "passed"))
    # Told again by its topic, it is not told again.
    await desk.tell(one, ended(one), alert(2, "pump-2"))
    await told(receiver, ("pump-2", "began"))
    assert receiver.incidents == {("pump-1", "passed"): 1, ("pump-2", "began"): 1}


async def test_the_trace_of_an_alert_goes_on_to_the_receiver(with_routes, desk, receiver):
    route = route_to(receiver, group_by=["stream"])
    desk.start(with_routes(desk=route))
    one, other = (
        TraceContext(traceparent=f"00-{'a' * 32}-{digit * 16}-01", tracestate="shop=1") for digit in "bc"
    )
    await desk.tell(alert(1, stream="one", trace=one), alert(2, stream="two", trace=one))
    await desk.tell(alert(3, "pump-2", stream="two", trace=other), alert(4, stream="three"))
    await eventually(lambda: len(receiver.taken) == 3)
    events = {event["subject"]: event for event in receiver.taken.values()}
    assert {name: event.get("traceparent") for name, event in events.items()} == {
        "one": one.traceparent,
        "two": None,  # two traces: each is beside its incident
        "three": None,
    }
    assert events["one"]["tracestate"] == "shop=1"
    assert sorted(filter(None, receiver.traces)) == [one.traceparent]
    told = {
        each["incident"]["source"]: each["incident"]["trace"] for each in events["two"]["data"]["incidents"]
    }
    assert told == {"pump-1": one.model_dump(), "pump-2": other.model_dump()}


async def test_groups_by_stream_and_by_source(with_routes, desk, receiver):
    async with receiving() as other:
        settings = with_routes(night=route_to(receiver), each=route_to(other, group_by=["source"]))
        desk.plan(settings)
        await desk.tell(alert(1), alert(2, "pump-2"), alert(3, "valve", stream="water"))
        desk.start(settings)
        await eventually(lambda: sum(receiver.incidents.values()) == sum(other.incidents.values()) == 3)
    sizes = {event["subject"]: event["data"]["counts"] for event in receiver.taken.values()}
    assert sizes == {"sensors": {"began": 2}, "water": {"began": 1}}
    assert {event["subject"] for event in other.taken.values()} == {"pump-1", "pump-2", "valve"}


async def test_a_route_takes_what_it_means(with_routes, desk, receiver):
    match = {"source": "pump-*", "severity": "warning", "kind": ["drift"]}
    desk.start(with_routes(night=route_to(receiver, match=match)))
    await desk.tell(
        alert(1, "valve"), alert(2, "pump-2", severity=Severity.INFO), alert(3, "pump-3", kind="quality"),
        alert(4, "pump-4"), due=time.time() + 0.3,
    )  # fmt: skip
    await told(receiver, ("pump-4", "began"))
    assert set(receiver.incidents) == {("pump-4", "began")}


async def test_an_incident_that_gets_worse_is_told_again(with_routes, desk, receiver):
    desk.start(with_routes(night=route_to(receiver)))
    first, second = alert(1), alert(2, detector="stuck", severity=Severity.CRITICAL)
    await desk.tell(first)
    await told(receiver, ("pump-1", "began"))
    worse = {"alerts": 2, "firing": 2, "severity": Severity.CRITICAL, "changed_at": second.started_at}
    await desk.tell(second.model_copy(update={"incident": first.case.model_copy(update=worse)}))
    await told(receiver, ("pump-1", "worse"))
    last = list(receiver.taken.values())[-1]["data"]["incidents"]
    assert [(one["severity"], one["before"]) for one in last] == [("critical", "warning")]


@pytest.mark.parametrize("status", [500, 429, 301, 400])
async def test_a_message_that_is_refused_comes_again_under_its_key(with_routes, desk, receiver, status):
    receiver.answers, receiver.retry_after = [status, status], 0
    desk.start(with_routes(night=route_to(receiver)))
    await desk.tell(alert(1))
    await told(receiver, ("pump-1", "began"))
    assert [answer for _, _, answer in receiver.requests] == [status, status, 204]
    assert len({key for key, _, _ in receiver.requests}) == 1


@pytest.mark.slow
async def test_retry_after_is_respected(with_routes, desk, receiver):
    receiver.answers, receiver.retry_after = [429], 2
    desk.start(with_routes(night=route_to(receiver)))
    begin = time.monotonic()
    await desk.tell(alert(1))
    await told(receiver, ("pump-1", "began"))
    assert time.monotonic() - begin >= 2.0


@pytest.mark.slow
async def test_a_route_is_dead_also_while_its_receiver_wants_to_be_asked_much_later(
    with_routes, desk, receiver
):
    receiver.answers, receiver.retry_after = [429], 3600
    desk.start(with_routes(night=route_to(receiver, dead_after=1.0)))
    await desk.tell(alert(1))
    await eventually(lambda: desk.problems.get("night"))
    assert "429" in desk.problems["night"]
    assert len(receiver.requests) == 1


@pytest.mark.slow
@needs_redis
async def test_a_redis_that_is_restarted_is_waited_for(with_routes, receiver, tmp_path, prefix):
    server = RedisServer(tmp_path / "redis")
    settings = RedisSettings(url=server.start(), prefix=prefix)
    store = await connect(settings)
    desk = Desk(store)
    try:
        desk.start(with_routes(night=route_to(receiver)))
        await desk.tell(alert(1))
        await told(receiver, ("pump-1", "began"))
        assert desk.holds("night")
        server.stop()
        await eventually(lambda: not desk.holds("night"))
        server.start()
        await desk.tell(alert(2, "pump-2"))
        await told(receiver, ("pump-2", "began"))
        assert receiver.incidents == {("pump-1", "began"): 1, ("pump-2", "began"): 1}
    finally:
        await desk.stop()
        await store.close()
        server.stop()


async def test_a_receiver_that_hangs_is_told_of_as_dead_and_holds_up_no_other(
    with_routes, desk, receiver, monkeypatch
):
    monkeypatch.setattr("stream_app.routes.sender._SEND_SECONDS", 1.2)
    receiver.hangs = True
    async with receiving() as other:
        desk.start(with_routes(hung=route_to(receiver, dead_after=1.0), good=route_to(other)))
        await desk.tell(alert(1))
        await told(other, ("pump-1", "began"))
        await eventually(lambda: desk.problems.get("hung"))
        assert "does not answer" in desk.problems["hung"]
        await desk.tell(alert(2, "pump-2"))
        await told(other, ("pump-2", "began"))
        assert desk.problems["good"] is None
        receiver.hangs = False
        receiver.released.set()
        await told(receiver, ("pump-1", "began"), ("pump-2", "began"))
        await eventually(lambda: desk.problems["hung"] is None)


async def test_what_is_silenced_is_told_when_the_silence_ends(with_routes, desk, receiver, store, quick):
    now = time.time()
    silences = SilenceStore(store)
    silence = Silence(source=("pump-1",), id=silences.new_id(), begins=now, ends=now + 3600, by="Ada")
    await silences.add(silence)
    desk.start(with_routes(night=route_to(receiver)))
    over = alert(3)
    await desk.tell(alert(1), over, ended(over), alert(2, "pump-2"), due=time.time() + 0.3)
    await told(receiver, ("pump-2", "began"))
    assert set(receiver.incidents) == {("pump-2", "began")}
    await silences.end(silence.id, time.time())
    await told(receiver, ("pump-1", "began"))
    assert receiver.incidents == {("pump-2", "began"): 1, ("pump-1", "began"): 1}


async def test_a_maintenance_window_keeps_back_what_it_means(with_routes, desk, receiver):
    window = {"start": "2020-01-01T00:00:00Z", "end": "2120-01-01T00:00:00Z", "source": "pump-1"}
    desk.start(with_routes(night=route_to(receiver, maintenance=[window])))
    await desk.tell(alert(1), alert(2, "pump-2"), due=time.time() + 0.3)
    await told(receiver, ("pump-2", "began"))
    assert set(receiver.incidents) == {("pump-2", "began")}


async def test_an_incident_of_the_whole_inhibits_those_of_its_parts(with_routes, desk, receiver, quick):
    rule = {"by": {"source": "line"}, "of": {"source": "pump-*"}}
    desk.start(with_routes(night=route_to(receiver, inhibit=[rule])))
    whole = alert(1, "line")
    parts = alert(2, "pump-1"), alert(3, "pump-2"), alert(4, "pump-3", stream="other")
    await desk.tell(whole, *parts, due=time.time() + 0.3)
    await told(receiver, ("line", "began"), ("pump-3", "began"))
    assert set(receiver.incidents) == {("line", "began"), ("pump-3", "began")}
    await desk.tell(ended(whole))
    await told(receiver, ("pump-1", "began"), ("pump-2", "began"))


async def test_acknowledged_incidents_are_not_repeated_and_muted_ones_not_told(
    with_routes, desk, receiver, store
):
    seen, muted, other = alert(1), alert(2, "pump-2"), alert(3, "pump-3")
    await AlertWriter(store).write([seen, muted])
    reader = IncidentReader(store)
    for one, what in ((seen, AuditKind.ACKNOWLEDGED), (muted, AuditKind.MUTED)):
        await reader.say(one.case, what, by="Ada", at=1.0)
    desk.start(with_routes(night=route_to(receiver, repeat_interval=1.0)))
    await desk.tell(seen, muted, other)
    await eventually(lambda: receiver.incidents["pump-3", "again"])
    assert set(receiver.incidents) == {("pump-1", "began"), ("pump-3", "began"), ("pump-3", "again")}
    first = [one for event in receiver.taken.values() for one in event["data"]["incidents"]]
    assert {one["acknowledged_by"] for one in first if one["incident"]["source"] == "pump-1"} == {"Ada"}


async def test_doubted_incidents_count_for_less(with_routes, desk, receiver, store):
    reader = IncidentReader(store)
    for number in range(10, 20):
        await reader.say(alert(number).case, AuditKind.FALSE_ALARM, by="Ada", at=1.0)
    desk.start(with_routes(night=route_to(receiver, match={"severity": "warning"})))
    await desk.tell(alert(1), alert(2, "pump-2", detector="stuck"), due=time.time() + 0.3)
    await told(receiver, ("pump-2", "began"))
    assert set(receiver.incidents) == {("pump-2", "began")}


async def nothing_on_its_way(store, route):
    return await RouteStore(store, route, "test").message() is None


async def test_only_one_of_two_notifiers_sends_and_the_other_takes_over(with_routes, desk, receiver, store):
    settings = with_routes(night=route_to(receiver))
    desk.start(settings, "first")
    desk.start(settings, "second")
    for number in range(5):
        await desk.tell(alert(number, f"pump-{number}"))
    await eventually(lambda: sum(receiver.incidents.values()) == 5)
    # Between the answer of the receiver and this, a message comes again.
    await eventually(lambda: nothing_on_its_way(store, "night"))
    await desk.stop()
    desk.start(settings, "third")
    await desk.tell(alert(9, "pump-9"))
    await told(receiver, ("pump-9", "began"))
    assert len(receiver.requests) == len(receiver.taken)


async def test_what_comes_while_a_group_is_told_is_told_next(with_routes, desk, receiver, store):
    """An incident that ends and begins anew between reading its group and writing it down is not lost."""
    desk.start(with_routes(night=route_to(receiver, group_wait=0.0)))
    for number in range(40):
        one = alert(number)
        await asyncio.gather(desk.tell(one), asyncio.sleep(number % 5 / 200))
        await desk.tell(ended(one))
    news = ("began", "passed")
    await eventually(lambda: sum(receiver.incidents["pump-1", one] for one in news) == 40, 60)


async def test_nonsense_in_redis_is_passed_over(with_routes, desk, receiver, store, caplog):
    keys = store.keys
    group = '{"stream":"sensors"}'
    await store.client.hset(keys.route_group("night", group), "drift nonsense", "{")
    await store.client.set(keys.route_message("night"), b"\xff")
    await store.client.set(keys.route_told("night", alert(1).id), b"[1]")
    await store.client.hset(keys.silences, "x", "{}")
    desk.start(with_routes(night=route_to(receiver)))
    await desk.tell(alert(1))
    await told(receiver, ("pump-1", "began"))
    assert "is no incident" in caplog.text


@pytest.mark.slow
async def test_a_flood_of_alerts_becomes_few_messages_and_none_is_lost(with_routes, desk, receiver):
    desk.start(with_routes(night=route_to(receiver, group_wait=10.0 if FULL else 3.0)))
    alerts = [alert(number, f"pump-{number}") for number in range(10_000 if FULL else 2_000)]
    for first in range(0, len(alerts), 500):
        await desk.tell(*alerts[first : first + 500])

    def counted():
        return sum(event["data"]["counts"]["began"] for event in receiver.taken.values())

    await eventually(lambda: counted() == len(alerts), 180)
    assert len(receiver.taken) <= 20
    for event in receiver.taken.values():
        data = event["data"]
        assert len(data["incidents"]) <= 100
        assert len(data["incidents"]) + data["left_out"] == data["counts"]["began"]


@pytest.mark.slow
async def test_a_group_of_thousands_is_not_read_as_a_whole(with_routes, receiver, store):
    number = 100_000 if FULL else 10_000
    (route,) = routes_of(with_routes(night=route_to(receiver)))
    kept = RouteStore(store, "night", "first")
    group = route.group_of(alert(0).case)
    await kept.note(group, "drift", alert(0).case, time.time() + 3600.0)
    for first in range(1, number, 1000):
        cases = [alert(each, f"pump-{each}").case for each in range(first, min(first + 1000, number))]
        fields = {f"drift {case.id}": case.model_dump_json() for case in cases}
        await store.client.hset(store.keys.route_group("night", group), mapping=fields)
    sender = Sender(route, store, "first", {}.__setitem__)
    tracemalloc.start()
    try:
        assert await sender._tell_group(group, [], [], time.time())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = json.loads(await kept.message())
    assert (message["counts"], message["firing"]) == ({"began": 5000}, 5000)
    # What one message tells, and the names of all; each incident as a whole would take five kilobytes.
    assert peak < 20e6 + 300 * number
