"""Incidents in Redis: with their alerts, and with what people said."""

import pytest
from store.test_alerts import alert, resolved

from stream_app.events import AlertState, Severity
from stream_app.events.audit import AuditKind
from stream_app.store import AlertWriter, CalibrationStore, IncidentReader, Note, OutboxStore

pytestmark = pytest.mark.integration


@pytest.fixture
def writer(store):
    return AlertWriter(store)


@pytest.fixture
def reader(store):
    return IncidentReader(store)


def in_case(one, of, **changes):
    """Return an alert as one of an incident that began with another."""
    case = of.case.model_copy(update=changes)
    return one.model_copy(update={"incident": case})


@pytest.fixture
async def story(writer):
    first, second = alert(1), alert(2, detector="stuck", severity=Severity.CRITICAL)
    joined = in_case(second, first, alerts=2, firing=2, severity=Severity.CRITICAL, changed_at=1002.0)
    await writer.write([in_case(first, first), joined, alert(3, source="pump-9")])
    return first, second


async def test_an_incident_stands_with_its_alerts_under_the_id_of_any_of_them(reader, story):
    first, second = story
    assert [status.incident.id for status in await reader.firing()] == [
        first.id,
        alert(3, source="pump-9").id,
    ]
    for some_id in (first.id, second.id[:12]):
        status, alerts = await reader.show(some_id)
        assert (status.incident.id, status.incident.alerts, status.incident.severity) == (
            first.id,
            2,
            "critical",
        )
        assert [one.id for one in alerts] == [first.id, second.id]
    assert await reader.show("deadbeef") is None


async def test_one_that_is_over_leaves_the_firing_ones_and_comes_back_when_another_alert_joins(
    store, writer, reader, story
):
    first, second = story
    end = second.ended(2000.0, 9)
    await writer.write([in_case(end, first, alerts=2, firing=0, state=AlertState.RESOLVED)])
    assert [status.incident.source for status in await reader.firing()] == ["pump-9"]
    assert next(status.incident.id for status in await reader.recent()) == first.id
    key = store.keys.incident(first.id)
    assert await store.client.ttl(key) > 0
    await writer.write([in_case(alert(5), first, alerts=3, firing=1)])
    assert await store.client.ttl(key) == -1
    assert first.id in [status.incident.id for status in await reader.firing()]


async def test_an_alert_that_is_written_again_does_not_turn_its_incident_back(writer, reader, story):
    first, _ = story
    await writer.write([in_case(first, first)])
    status, _ = await reader.show(first.id)
    assert status.incident.alerts == 2


async def test_an_alert_without_an_incident_is_one_of_its_own(writer, reader):
    await writer.write([alert()])
    status, alerts = await reader.show(alert().id)
    assert (status.incident.alerts, [one.id for one in alerts]) == (1, [alert().id])
    await writer.write([resolved()])
    assert await reader.firing() == []


async def test_what_people_said_stays_with_the_incident_and_waits_for_the_audit_log(
    store, writer, reader, story
):
    first, second = story
    status, _ = await reader.show(first.id)
    case = status.incident
    seen = await reader.say(case, AuditKind.ACKNOWLEDGED, by="Ada", at=10.0, comment="on it")
    muted = await reader.say(case, AuditKind.MUTED, by="Ben", at=11.0, until=100.0)
    false = await reader.say(case, AuditKind.FALSE_ALARM, by="Ada", at=12.0, comment="a test")
    assert (seen, muted, false) == (
        Note("Ada", "on it", 10.0),
        Note("Ben", "", 11.0, until=100.0),
        Note("Ada", "a test", 12.0, real=False),
    )
    # It goes on, and what they said stays.
    await writer.write([in_case(alert(4), first, alerts=3, firing=3)])
    status, _ = await reader.show(second.id)
    assert (status.acknowledged, status.muted, status.verdict) == (seen, muted, false)
    assert (status.is_muted(99.0), status.is_muted(100.0)) == (True, False)
    (counted,) = await reader.precisions()
    assert (counted.detector, counted.channel, counted.real, counted.false) == ("adwin", "flow", 0, 1)
    outbox = OutboxStore(store)
    waiting = await outbox.deeds(count=10)
    assert [(one.kind, one.by, one.subject, one.note) for one in waiting] == [
        (AuditKind.ACKNOWLEDGED, "Ada", first.id, "on it"),
        (AuditKind.MUTED, "Ben", first.id, ""),
        (AuditKind.FALSE_ALARM, "Ada", first.id, "a test"),
    ]
    await reader.say(case, AuditKind.UNMUTED, by="Ben", at=13.0)
    status, _ = await reader.show(first.id)
    assert not status.is_muted(13.0)
    await outbox.remove_deeds(waiting[:2])
    assert (await outbox.deeds(count=10))[:1] == waiting[2:]


@pytest.mark.parametrize(
    "note",
    ["{", b"\xff", "[]", "[" * 100_000, '{"by": "Ada"}', '{"by": "Ada", "comment": "", "at": 1e18}',
     '{"by": "Ada", "comment": "", "at": NaN}', '{"by": 1, "comment": "", "at": 1}'],
)  # fmt: skip
async def test_a_note_that_no_person_left_is_named_and_passed_over(store, reader, story, note, caplog):
    key = store.keys.incident(story[0].id)
    await store.client.hset(key, "acknowledged", note)
    await store.client.hset(store.keys.verdicts, "x", note)
    await store.client.rpush(store.keys.deeds, note)
    status, _ = await reader.show(story[0].id)
    assert status.acknowledged is None
    assert f"{key}: the field acknowledged" in caplog.text
    assert await reader.precisions() == []
    outbox = OutboxStore(store)
    assert await outbox.deeds(count=10) == []
    assert await store.client.llen(store.keys.deeds) == 0


@pytest.mark.parametrize("raw", ["{}", b"\xff", "[" * 100_000])
async def test_a_damaged_incident_is_passed_over_in_a_list(store, reader, story, raw, caplog):
    key = store.keys.incident(story[0].id)
    await store.client.hset(key, "incident", raw)
    assert [status.incident.source for status in await reader.firing()] == ["pump-9"]
    assert key in caplog.text


async def test_incidents_of_a_detector_that_was_mostly_wrong_are_one_less_severe_until_it_is_right_again(
    store, writer, reader
):
    worst = [alert(i, severity=Severity.CRITICAL) for i in range(12)]
    await writer.write(worst)

    async def say(number, *, real):
        what = AuditKind.REAL if real else AuditKind.FALSE_ALARM
        await reader.say(worst[number].case, what, by="Ada", at=float(number))

    async def severities():
        return {status.severity.value for status in await reader.firing()}

    for number in range(4):
        await say(number, real=False)
    assert await severities() == {"critical"}
    for number in range(4, 6):
        await say(number, real=False)
    assert await severities() == {"warning"}
    told = [one.kind for one in await OutboxStore(store).deeds(count=20)]
    assert told.count(AuditKind.DOUBTED) == 1
    for number in range(6, 12):
        await say(number, real=True)
    assert await severities() == {"critical"}
    told = [one.kind for one in await OutboxStore(store).deeds(count=20)]
    assert told.count(AuditKind.DOUBTED) == 2


async def test_an_incident_that_something_else_found_too_stays_as_severe(writer, reader):
    first = alert(1, severity=Severity.CRITICAL)
    await writer.write([first])
    for number in range(10, 17):
        await reader.say(alert(number).case, AuditKind.FALSE_ALARM, by="Ada", at=1.0)
    found_by = (*first.case.found_by, ("quality.stuck", "flow"))
    await writer.write(
        [in_case(alert(2), first, alerts=2, firing=2, severity=Severity.CRITICAL, found_by=found_by)]
    )
    (status,) = await reader.firing()
    assert (status.doubted, status.severity) == (False, "critical")


async def test_thresholds_of_a_detector_that_is_mostly_wrong_are_raised_and_lowered_again_by_what_people_say(
    store, reader
):
    async def say(number, *, real=False, **more):
        what = AuditKind.REAL if real else AuditKind.FALSE_ALARM
        one = alert(number, detector="drift.level", channel=f"channel-{number % 3}", **more)
        await reader.say(one.case, what, by="Ada", at=float(number))

    async def told():
        kinds = [one for one in await OutboxStore(store).deeds(count=99) if one.kind is AuditKind.RAISED]
        return [(one.by, one.subject, one.summary.split(" of ")[0]) for one in kinds]

    calibrations = CalibrationStore(store)
    for number in range(7):
        await say(number)
    assert (await calibrations.raised(), await told()) == ({}, [])
    await say(7)
    first = ("Ada", "drift", "drift spends 1/2")
    assert (await calibrations.raised(), await told()) == ({"sensors": {"drift": 1}}, [first])
    # The last word about an incident counts, and it counts once.
    await say(7)
    assert await told() == [first]
    for number in (7, 8, 9):
        await say(number, real=True)
    assert (await calibrations.raised(), await told()) == ({}, [first, ("Ada", "drift", "drift spends all")])
    (whole,) = await reader.detector_precisions()
    assert (whole.detector, whole.channel, whole.real, whole.false) == ("drift.level", "*", 3, 7)
    assert len(await reader.precisions()) == 3
