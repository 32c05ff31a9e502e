"""A subscriber over a real broker: each alert once, none lost."""

import asyncio
import contextlib
import re
import time
from datetime import UTC, datetime

import msgspec
import pytest
from conftest import eventually

from stream_app.client import AlertSubscriber
from stream_app.embedded import EmbeddedBroker
from stream_app.errors import BrokerError, SettingsError
from stream_app.events import Alert, AlertState, LogId, Severity, Topics, alert_id
from stream_app.kafka import ensure_topics, start_producer
from stream_app.settings import KafkaSettings

pytestmark = pytest.mark.integration


def alert(number, kind="drift", state=AlertState.FIRING):
    return Alert(
        id=alert_id("pumps", "pump-1", "drift.level", "flow", LogId(0), number), stream="pumps", source="pump-1",
        kind=kind, detector="drift.level", channel="flow", state=state, severity=Severity.WARNING,
        started_at=1000.0 + number, partition=0, offset=number, statistic=2.0, threshold=1.0, summary="drift",
    )  # fmt: skip


@pytest.fixture
def topics(prefix):
    return Topics(prefix)


@pytest.fixture
async def tell(kafka, topics, producer):
    """Tell alerts, given by numbers or as they are; bytes go as they are."""
    await ensure_topics(kafka, dict.fromkeys(topics.all_alerts(), 1), create=True)

    async def told(*alerts, at=None):
        for given in alerts:
            each = alert(given) if isinstance(given, int) else given
            raw = isinstance(each, bytes)
            value = each if raw else msgspec.json.encode(each.to_cloudevent())
            topic = topics.alerts("drift" if raw else each.kind)
            await producer.send_and_wait(topic, value, timestamp_ms=at and int(1000 * at))

    return told


@pytest.fixture
def subscriber(kafka, prefix):
    def make(**options):
        return AlertSubscriber(kafka, prefix=prefix, **options)

    return make


async def take(subscriber, count, timeout=30.0):
    """The numbers of the next alerts."""
    async with asyncio.timeout(timeout):
        return [(await anext(subscriber)).offset for _ in range(count)]


async def nothing_more(subscriber):
    with pytest.raises(TimeoutError):
        await take(subscriber, 1, timeout=1.5)


async def test_each_beginning_and_each_end_comes_once(subscriber, tell):
    end, grown = alert(1, state=AlertState.RESOLVED), alert(1).escalated(1060.0, 9)
    await tell(1, 2, grown, 1, end, 2, grown, end, 3)
    async with subscriber(start="earliest") as alerts:
        found = [await anext(alerts) for _ in range(5)]
        assert [(a.offset, a.transition) for a in found] == [
            (1, "firing"),
            (2, "firing"),
            (1, "escalated"),
            (1, "resolved"),
            (3, "firing"),
        ]
        assert found[2:4] == [grown, end]
        await tell(4)
        assert await take(alerts, 1) == [4]
        assert alerts.repeated == 4


async def test_latest_begins_when_it_is_entered_and_knows_what_was_told_before(subscriber, tell):
    await tell(1, 2)
    async with subscriber() as alerts:
        await tell(2, 3)
        assert await take(alerts, 1) == [3]
        await tell(1, 4)
        assert await take(alerts, 1) == [4]
        assert alerts.repeated == 2


async def test_a_time_begins_with_what_was_told_since(subscriber, tell):
    now = int(time.time())
    await tell(1, at=now - 100)
    await tell(2, at=now - 50)
    await tell(1, at=now - 40)
    await tell(3, at=now - 30)
    for since in (now - 60, datetime.fromtimestamp(now - 60, UTC)):
        async with subscriber(start=since) as alerts:
            assert await take(alerts, 2) == [2, 3]
    async with subscriber(start=now + 1000.0) as alerts:
        await tell(4)
        assert await take(alerts, 1) == [4]


async def test_kinds_are_those_asked_for(subscriber, tell):
    await tell(alert(1), alert(2, "anomaly"), alert(3, "changepoint"), alert(4, "quality"))
    async with subscriber(start="earliest", kinds={"changepoint", "quality"}) as alerts:
        assert sorted(await take(alerts, 2)) == [3, 4]
        await nothing_more(alerts)


async def test_what_is_no_alert_is_counted_logged_and_left_out(subscriber, tell, caplog, capsys):
    wrong = [b"\xff", b"[1]", b'{"data": {"id": "x"}}', b"[" * 100_000, b"{}"]
    await tell(1, *wrong, 2)
    async with subscriber(start="earliest") as alerts:
        assert await take(alerts, 2) == [1, 2]
        assert alerts.malformed == len(wrong)
    lines = [record.getMessage() for record in caplog.records if "is no alert" in record.getMessage()]
    assert [re.search(r"offset (\d) is no alert, left out: .", line)[1] for line in lines] == list("12345")
    # A program that imports the client decides where its logs go.
    assert capsys.readouterr().out == ""


async def test_a_group_goes_on_after_what_was_done_and_knows_what_was_told(subscriber, tell):
    await tell(1, 2, 3)
    async with subscriber(group="g", start="earliest") as alerts:
        assert await take(alerts, 2) == [1, 2]
    await tell(2, 1, 4)
    async with subscriber(group="g") as alerts:
        assert await take(alerts, 2) == [3, 4]
        assert alerts.repeated == 2


async def test_an_alert_whose_body_failed_comes_again(subscriber, tell):
    await tell(1, 2, 3)

    async def handle(fail_at):
        handled = []
        async with subscriber(group="g", start="earliest") as alerts:
            async for each in alerts:
                handled.append(each.offset)
                if each.offset == fail_at:
                    raise RuntimeError
                if each.offset == 3:
                    break
        return handled

    with pytest.raises(RuntimeError):
        await handle(2)
    assert await handle(None) == [2, 3]


async def test_without_auto_commit_only_commit_counts(subscriber, tell):
    await tell(1, 2, 3)
    async with subscriber(group="g", start="earliest", auto_commit=False) as alerts:
        assert await take(alerts, 1) == [1]
        await alerts.commit()
        assert await take(alerts, 1) == [2]
    async with subscriber(group="g") as alerts:
        assert await take(alerts, 2) == [2, 3]


async def test_a_group_that_began_at_the_end_misses_nothing_if_it_dies_before_its_first_alert(
    subscriber, tell
):
    async with subscriber(group="g") as alerts:
        reading = asyncio.create_task(take(alerts, 1, timeout=60.0))
        await eventually(lambda: alerts._began)
        reading.cancel()
    await tell(1)
    async with subscriber(group="g") as alerts:
        assert await take(alerts, 1) == [1]


@pytest.mark.slow
async def test_members_of_a_group_share_the_alerts_and_take_over(subscriber, tell):
    told = [alert(n, kind) for n in range(20) for kind in ("drift", "anomaly", "quality", "performance")]
    found = set()
    first, second = (subscriber(group="g", start="earliest", session_timeout=6.0) for _ in range(2))

    async def work(alerts):
        async with alerts:
            async for each in alerts:
                found.add((each.kind, each.offset))

    async def reached(count):
        def enough():
            assert not any(task.done() for task in tasks)
            return len(found) == count

        await eventually(enough, 30)

    tasks = [asyncio.create_task(work(first))]
    await tell(*told[:40])
    await reached(40)
    tasks.append(asyncio.create_task(work(second)))
    await eventually(lambda: second._consumer and second._consumer.assignment(), 30)
    await tell(*told[:60])
    await reached(60)
    tasks[1].cancel()
    await asyncio.wait([tasks.pop()])
    # The embedded broker throws out a member that commits while the group rebalances.
    await eventually(lambda: len(first._consumer.assignment()) == 4, 30)
    await tell(*told)
    await reached(80)
    tasks[0].cancel()
    await asyncio.wait(tasks)
    assert found == {(each.kind, each.offset) for each in told}


async def test_a_partition_that_is_added_is_read_from_its_beginning(subscriber, kafka, producer, prefix):
    async with subscriber() as alerts:
        await nothing_more(alerts)
        topic = Topics(prefix).alerts("drift")
        await ensure_topics(kafka, {topic: 2}, create=True)
        await producer.send_and_wait(topic, msgspec.json.encode(alert(1).to_cloudevent()), partition=1)
        assert await take(alerts, 1) == [1]


@pytest.mark.slow
@pytest.mark.parametrize("group", [None, "g"])
async def test_a_broker_that_is_restarted_is_waited_for(tmp_path, prefix, group):
    broker = EmbeddedBroker(data_dir=tmp_path)
    kafka = KafkaSettings(bootstrap=broker.start())
    topics = Topics(prefix)

    async def tell(*numbers):
        producer = await start_producer(kafka)
        for number in numbers:
            value = msgspec.json.encode(alert(number).to_cloudevent())
            await producer.send_and_wait(topics.alerts("drift"), value)
        await producer.stop()

    try:
        await ensure_topics(kafka, dict.fromkeys(topics.all_alerts(), 1), create=True)
        await tell(1)
        async with AlertSubscriber(kafka, prefix=prefix, group=group, start="earliest") as alerts:
            assert await take(alerts, 1) == [1]
            waiting = asyncio.create_task(take(alerts, 2, timeout=90))
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            await tell(1, 2, 3)
            assert await waiting == [2, 3]
    finally:
        await asyncio.to_thread(broker.stop)


async def test_no_broker_is_an_error_of_ours(impatient):
    with pytest.raises(BrokerError, match="cannot be reached"):
        async with AlertSubscriber("127.0.0.1:1"):
            pass


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kinds": ["typhoon"]}, "kinds: .*typhoon"),
        ({"kinds": "drift"}, "kinds: 'drift' is not a collection"),
        ({"kinds": ()}, "kinds"),
        ({"start": "yesterday"}, "'yesterday' is neither"),
        ({"start": -1}, "-1 is neither"),
        ({"horizon": 0}, "horizon"),
        ({"remembered": 0}, "remembered"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(options, says):
    with pytest.raises(SettingsError, match=says):
        AlertSubscriber("localhost:9092", **options)


async def test_only_a_group_can_commit(subscriber, tell):
    async with subscriber() as alerts:
        with pytest.raises(SettingsError, match="with a group"):
            await alerts.commit()


async def test_it_closes_quickly_while_it_waits(subscriber, tell):
    async def wait(alerts):
        with contextlib.suppress(asyncio.CancelledError):
            await anext(alerts)

    async with subscriber(group="g") as alerts:
        waiting = asyncio.create_task(wait(alerts))
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
