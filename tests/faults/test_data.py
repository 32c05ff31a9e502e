"""Data as it should not be, clocks that jump, and logs that lose what they had."""

import json
import signal
import time
from collections import Counter

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from conftest import eventually
from faults.clock import FAKETIME, SetClock
from faults.log import START, Event, Feed
from faults.poison import POISONS, poisoned

from producers.water_loop import Fault
from stream_app.events import decode_reading
from stream_app.store import FeatureReader
from stream_app.testing import run_monitor


async def test_poison(make_harness, row, scale, seed, chance):
    """Poison corpus at 1 %."""
    events, sources = scale.pick(40_000, 1_000_000), 8
    length = events // sources
    fault = Fault("valve_closing", start=0.75 * length, duration=0.25 * length, magnitude=2.0, onset="sudden")
    feed, same = (Feed(sources=sources, length=length, seed=seed, planted=[fault]) for _ in range(2))
    clean, planted = int(0.7 * feed.total), 0
    harness = await make_harness(monitor="")
    worker = await harness.workers.start("worker-1")
    for piece in range(0, clean, 50_000):
        dirty, bad = poisoned(feed.take(min(50_000, clean - piece)), 0.01, chance)
        planted += bad
        await harness.send(dirty)
    await harness.send(feed.take())
    result = await harness.settled(900)
    row.tell(result)
    row.remark(f"{planted:,} bad events of {len(POISONS)} kinds")
    assert worker.starts == 1, worker.said[-2000:]
    assert planted > len(POISONS)
    assert len(result.truth.letters) == planted
    assert not result.differences
    # A fault that is told within a minute where no poison was, is told within a minute.
    control = run_monitor((decode_reading(event.value) for event in same.take()), batch=5000)
    clean_found, found = (told(alerts, fault) for alerts in (control.alerts, result.truth.alerts))
    row.remark(f"later fault told in {len(found)} of {sources} sources, without poison in {len(clean_found)}")
    assert len(clean_found) > sources / 2
    assert found >= clean_found


def told(alerts, fault):
    """Sources of which an anomaly, a changepoint or drift was told in a fault's first minute."""
    begin = START + fault.start
    return {a.source for a in alerts if a.kind != "quality" and begin <= a.started_at <= begin + 60.0}


async def test_nothing_but_bad_input(make_harness, row, seed):
    """100 % bad input."""
    harness = await make_harness(max_bad_run=1000, max_batch=500)
    feed = Feed(sources=4, length=1500, seed=seed)
    await harness.send(feed.take(2000))
    worker = await harness.workers.start("worker-1", restart=False)
    await harness.caught_up()
    await harness.send([Event(i % 2, b"pump-0", b"garbage", START * 1000) for i in range(1500)])
    end = await worker.ended(60.0)
    assert end.code == 1
    assert "events in a row could not be decoded" in worker.last_line
    assert "Traceback" not in worker.said
    # Only somebody who has looked lets it pass.
    await harness.workers.start(
        "worker-1", STREAMGAUGE_WORKER__MAX_BAD_RUN=10_000, STREAMGAUGE_WORKER__MAX_BAD_RATIO=1
    )
    await harness.send(feed.take())
    result = await harness.settled()
    row.tell(result)
    row.verdict = f"stopped clearly; then {result.verdict}"
    assert not result.differences
    assert len(result.truth.letters) == 1500


async def test_everything_is_read_again(make_harness, row, seed):
    """All is read again from the beginning, over the same Redis."""
    feed = Feed(sources=4, length=3000, seed=seed)
    harness = await make_harness()
    first = await harness.workers.start("worker-1")
    await harness.send(feed.take())
    await harness.caught_up()
    await first.stop()
    before = await harness.store.client.xlen(harness.store.keys.alerts)
    again = f"{harness.settings.worker.group}-again"
    harness.settings = harness.settings.model_copy(
        update={"worker": harness.settings.worker.model_copy(update={"group": again})}
    )
    await harness.workers.start("worker-2", STREAMGAUGE_WORKER__GROUP=again)
    result = await harness.settled()
    row.tell(result)
    more = await harness.store.client.xlen(harness.store.keys.alerts) - before
    row.remark(f"{before} beginnings and ends of alerts, {more} more after the second time")
    assert before
    assert more == 0
    assert result.repeated == 0
    assert not result.differences


async def test_every_event_is_produced_twice(make_harness, row, seed, chance):
    """Every event is produced twice."""
    length = 3000
    feeds = [Feed(sources=4, length=length, seed=seed) for _ in range(2)]
    once = await make_harness()
    await once.send(feeds[0].take())
    await once.workers.start("worker-1")
    plain = await once.settled()
    assert not plain.differences

    harness = await make_harness()
    worker = await harness.workers.start("worker-2")
    while events := feeds[1].take(chance.randint(1, 200)):
        await harness.send([*events, *events])
    await harness.caught_up()
    duplicates = await refused(worker, "duplicate")
    result = await harness.settled()
    row.tell(result)
    row.processed += duplicates
    row.remark(f"{duplicates:,} duplicates counted")

    def what(alert):
        return alert.source, alert.detector, alert.channel, alert.state, alert.started_at, alert.ended_at

    assert worker.starts == 1, worker.said[-2000:]
    assert duplicates == 4 * length
    assert result.truth.refused == Counter(duplicate=4 * length)
    assert not result.differences
    assert plain.truth.alerts
    assert sorted(map(what, plain.truth.alerts), key=repr) == sorted(map(what, result.truth.alerts), key=repr)


async def test_late_out_of_order_and_future(make_harness, row, scale, seed, chance):
    """Late, out of order, from the future."""
    feed = Feed(sources=4, length=scale.pick(3000, 30_000), seed=seed)
    events = feed.take()
    counted: Counter[str] = Counter()
    # Neighbours of one source change places; three seconds are no lateness.
    for i in range(0, len(events) - 4, 4):
        if chance.random() < 0.2:
            a, b = events[i], events[i + 4]
            events[i] = Event(a.partition, a.key, b.value, a.timestamp_ms)
            events[i + 4] = Event(b.partition, b.key, a.value, b.timestamp_ms)
            counted["out of order"] += 1
    log = []
    for i, event in enumerate(events):
        log.append(event)
        if i < 1000 or chance.random() > 0.03:
            continue
        reason, shift = chance.choice([("late", -200.0), ("timestamp", 200_000.0)])
        reading = json.loads(event.value)
        reading["ts"] += shift
        counted[reason] += 1
        log.append(Event(event.partition, event.key, json.dumps(reading).encode(), event.timestamp_ms))
    harness = await make_harness(max_batch=1000)
    worker = await harness.workers.start("worker-1")
    await harness.send(log)
    await harness.caught_up()
    counts = {reason: await refused(worker, reason) for reason in ("late", "timestamp")}
    result = await harness.settled()
    row.tell(result)
    row.remark(", ".join(f"{count:,} {reason}" for reason, count in sorted(counted.items())))
    assert worker.starts == 1
    for reason in ("late", "timestamp"):
        assert counted[reason] > 50
        assert result.truth.refused[reason] == counted[reason]
        assert counts[reason] == counted[reason]
    assert result.truth.refused.keys() == {"late", "timestamp"}
    assert not result.differences
    assert result.truth.alerts


async def refused(worker, reason):
    """How many events a worker says that it has refused, since it was started."""
    _, metrics = await worker.ask("/metrics")
    sample = f'streamgauge_refused_events_total{{reason="{reason}",stream="sensors"}} '
    return sum(
        int(float(line.removeprefix(sample))) for line in metrics.splitlines() if line.startswith(sample)
    )


async def test_clock_jumps(make_harness, folder, row, seed):
    """The clock jumps by an hour, forth and back."""
    if FAKETIME is None:
        pytest.skip("libfaketime is not installed; on Debian: sudo apt-get install faketime")
    feed = Feed(sources=4, length=2000, seed=seed)
    harness = await make_harness(max_batch=200)
    clock = SetClock(folder / "clock")
    worker = await harness.workers.start("worker-1", **clock.environment)
    # Under libfaketime an interpreter may take a minute and more to start.
    await worker.ready(180)
    reader = FeatureReader(harness.store, "sensors")
    for hours in (0, 1, -1, 0):
        clock.set(3600 * hours)

        async def jumped(shift=3600 * hours):
            return abs(await worker.clock() - time.time() - shift) < 60

        await eventually(jumped, timeout=30)
        await harness.send(feed.take(2000))
        await harness.caught_up()
        feature = await reader.get("pump-0")
        assert feature.written_ts - time.time() == pytest.approx(3600 * hours, abs=60)
    result = await harness.settled()
    row.tell(result)
    row.remark(f"{worker.starts - 1} restarts")
    assert worker.starts == 1, worker.said[-2000:]
    assert not result.differences
    assert result.truth.alerts


async def test_source_topic_is_deleted(make_harness, row, seed):
    """The source topic is deleted."""
    harness = await make_harness()
    worker = await harness.workers.start("worker-1", restart=False)
    await harness.send(Feed(sources=4, length=500, seed=seed).take())
    await harness.caught_up()
    admin = await harness.admin()
    begin = time.monotonic()
    await admin.delete_topics([harness.topic])
    await admin.close()
    end = await worker.ended(60.0)
    row.events = row.processed = 2000
    row.verdict = "stopped loudly"
    row.remark(f"stopped after {end.at - begin:.1f} s")
    assert end.code == 1
    assert harness.topic in worker.last_line
    assert "is gone" in worker.last_line
    assert "Traceback" not in worker.said


@pytest.mark.parametrize("state", ["stopped", "paused"])
async def test_retention_passed_the_position(make_harness, row, seed, state):
    """Retention passed the stored position."""
    row.fault = f"Retention passed the position of a worker that was {state}"
    feed = Feed(sources=4, length=1500, seed=seed)
    harness = await make_harness()
    worker = await harness.workers.start("worker-1", restart=False)
    await harness.send(feed.take(2000))
    await harness.caught_up()
    position = await harness.positions()
    if state == "stopped":
        await worker.stop()
    else:
        worker.send(signal.SIGSTOP)
    # A fetch that waits at the broker is answered with the first of these, and no more.
    await harness.send(feed.take(200))
    await harness.send(feed.take(2000))
    begins = {p: end - 100 for p, end in (await harness.ends()).items()}
    admin = await harness.admin()
    await admin.delete_records(
        {
            TopicPartition(harness.topic, p): RecordsToDelete(before_offset=begin)
            for p, begin in begins.items()
        }
    )
    await admin.close()
    if state == "stopped":
        worker = await harness.workers.start("worker-2", restart=False)
    else:
        worker.send(signal.SIGCONT)
    end = await worker.ended(60.0)
    reached = await harness.positions()
    row.events, row.processed = 4200, sum(reached.values())
    row.lost = sum(begins.values()) - sum(reached.values())
    row.verdict = "stopped loudly"
    assert end.code == 1
    assert "events are gone unprocessed" in worker.last_line
    assert "Traceback" not in worker.said
    assert all(position[p] <= reached[p] <= position[p] + 100 for p in position)
