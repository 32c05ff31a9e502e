"""Partitions with bounded sources: any deliveries, restarts and memory give what a single run gives."""

import asyncio
import uuid
from itertools import pairwise

import pytest
from faust.types import TP
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from logs import GivenLogs
from structlog.testing import capture_logs

from stream_app.errors import FencedError, OldStateError, StateError, StoreUnavailableError
from stream_app.events import Reason, SensorRow
from stream_app.events.readings import Readings
from stream_app.monitors.sensors import SensorMonitor
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partition import SourceLimits
from stream_app.runtime.partitions import Partitions
from stream_app.settings import SensorStream
from stream_app.store import CheckpointStore, connect, pack_state, unpack_state

pytestmark = pytest.mark.integration

TOPIC = "sensor.readings"
PARTITION = TP(TOPIC, 0)
CONFIG = SensorStream(
    warmup=40, source_ttl=2000.0, lateness=100.0, channels={"flow": {"min": -5.0, "max": 50.0}}
)
ROOM = 3 * 14_000  # for three sources
LIMITS = SourceLimits(max_bytes=ROOM, ttl=1600.0)
KEY = b"k" * 32


def partitions_of(store, **options):
    metrics = options.pop("metrics", None) or Metrics()
    config = options.pop("config", CONFIG)
    return Partitions(
        CheckpointStore(store, "g"),
        {TOPIC: lambda: SensorMonitor(config)},
        interval=0.0,
        metrics=metrics,
        logs=options.pop("logs", None) or GivenLogs(),
        limits={TOPIC: LIMITS},
        **options,
    )


def delivery_of(part):
    rows = [SensorRow(source, ts, {"flow": value}) for _, source, ts, value in part]
    return Readings.of(rows, [offset for offset, *_ in part])


async def deliver(partitions, part, tp=PARTITION):
    """What an agent does with a delivery; returns its alerts."""
    partition = partitions.get(tp)
    delivery = delivery_of(part)
    await partitions.restore(partition, delivery.sources)
    outcomes, _ = partition.update(delivery)
    partition.next_offset = part[-1][0] + 1
    # As if the features were written at once: what waits for that stays in memory.
    partition.waiting.clear()
    return [alert for outcome in outcomes for alert in outcome.alerts]


async def claimed(store, **options):
    partitions = partitions_of(store, **options)
    await partitions.load([PARTITION])
    return partitions


async def stored(store):
    """States and recency, as they are in the store."""
    state = await store.client.hgetall(store.keys.state("g", TOPIC, 0))
    seen = await store.client.hgetall(store.keys.seen("g", TOPIC, 0))
    return {name.decode(): (unpacked(blob), seen[name]) for name, blob in state.items()}, set(seen) - set(
        state
    )


def unpacked(blob):
    return pack_state(unpack_state(blob, "stored"))


# Runs of one source, so that references are learned; then another comes, or time passes.
runs = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.integers(1, 60),
        st.sampled_from([1.0, 1.0, 30.0]),
        st.sampled_from([0.0, 0.0, 900.0, 2500.0]),
    ),
    min_size=1,
    max_size=12,
)


def log_of(drawn):
    now, log = 1_700_000_000.0, []
    for source, count, period, pause in drawn:
        now += pause
        for i in range(count):
            now += period
            # Out of its limits for a while, so that alerts begin and end.
            log.append((len(log), source, now, (37 * i % 11) / 10 + (60.0 if 20 <= i < 30 else 0.0)))
    return log


async def single_run(store, log):
    partitions = await claimed(store)
    alerts = []
    for event in log:
        alerts += await deliver(partitions, [event])
    partitions.get(PARTITION).expire(len(log))
    await partitions.checkpoint(TOPIC)
    return alerts, await stored(store)


async def in_pieces(store, log, cuts, stores, restarts):
    """Deliveries that end at the cuts; after some of them a checkpoint, and after some of those a new owner."""
    partitions = await claimed(store, max_state_bytes=1)
    alerts = {}
    for begin, end in pairwise([0, *sorted(cuts), len(log)]):
        for alert in await deliver(partitions, log[begin:end]):
            alerts[alert.id, alert.state] = alert
        if begin in restarts:
            # What was not stored is processed again by the next owner.
            partitions = await claimed(store, max_state_bytes=1)
            position = partitions.get(PARTITION).next_offset
            if position < end:
                for alert in await deliver(partitions, log[position:end]):
                    assert alerts.setdefault((alert.id, alert.transition), alert) == alert
        if begin in stores:
            partitions.get(PARTITION).expire(2)
            await partitions.checkpoint(TOPIC)
            assert len(partitions.get(PARTITION).monitor) <= 1
    partitions.get(PARTITION).expire(len(log))
    await partitions.checkpoint(TOPIC)
    return list(alerts.values()), await stored(store)


@pytest.mark.slow
@given(runs, st.data())
@examples(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_deliveries_restarts_and_memory_give_what_a_single_run_gives(redis_settings, drawn, data):
    log = log_of(drawn)
    offsets = st.sets(st.integers(0, max(len(log) - 1, 1)), max_size=12)
    cuts = {cut for cut in data.draw(offsets) if 0 < cut < len(log)}
    begins = st.sets(st.sampled_from([0, *sorted(cuts)]))

    async def both():
        results = []
        # One deployment after itself: ids of alerts, which states hold, name it.
        prefix = f"{redis_settings.prefix}{uuid.uuid4().hex[:8]}"
        store = await connect(redis_settings.model_copy(update={"prefix": prefix}))
        try:
            results.append(await single_run(store, log))
            async for key in store.client.scan_iter(f"{prefix}*", count=1000):
                await store.client.delete(key)
            results.append(await in_pieces(store, log, cuts, data.draw(begins), data.draw(begins)))
        finally:
            await store.close()
        return results

    (alerts, (states, orphans)), (theirs, (their_states, their_orphans)) = asyncio.run(both())
    assert sorted(map(str, alerts)) == sorted(map(str, theirs))
    assert states == their_states
    assert len(states) <= 3
    assert orphans == their_orphans == set()


def nameless(alerts):
    return sorted(str(alert.model_copy(update={"id": "", "incident": None})) for alert in alerts)


async def test_alerts_of_two_deployments_that_read_the_same_have_ids_of_their_own(store):
    log = log_of([("a", 40, 1.0, 0.0)])
    ours, _ = await single_run(store, log)
    theirs, _ = await single_run(await connect_like(store), log)
    assert nameless(ours) == nameless(theirs) != []
    assert not {alert.id for alert in ours} & {alert.id for alert in theirs}


def steady(count, source="pump", begin=0, ts=1_700_000_000.0):
    return [(begin + i, source, ts + begin + i, (37 * (begin + i) % 11) / 10) for i in range(count)]


def counted(metrics, reason):
    return metrics.registry.get_sample_value("streamgauge_forgotten_sources_total", {"reason": reason}) or 0


async def test_expired_sources_are_counted_their_states_removed_and_others_come_in_their_place(store):
    metrics = Metrics()
    partitions = await claimed(store, metrics=metrics)
    log = [event for i, source in enumerate("abcd") for event in steady(10, source, 10 * i)]
    await deliver(partitions, log)
    await partitions.checkpoint(TOPIC)
    assert set((await stored(store))[0]) == {"a", "b", "c"}
    await deliver(partitions, steady(1, "c", 40, ts=1_700_009_000.0) + steady(1, "d", 41, ts=1_700_009_000.0))
    partitions.get(PARTITION).expire(10)
    await partitions.checkpoint(TOPIC)
    assert set((await stored(store))[0]) == {"c", "d"}
    # All three: "c" itself came back after its time.
    assert counted(metrics, "expired") == 3


async def test_a_new_source_of_which_nothing_can_be_used_leaves_no_state_and_stops_nothing(store):
    partitions = await claimed(store)
    partition = partitions.get(PARTITION)
    strange = Readings.of([SensorRow("strange", 1.0, {"pressure": 1.0})])
    (outcome,), _ = partition.update(strange)
    partition.next_offset = 1
    assert [refusal.reason for refusal in outcome.refusals] == [Reason.CHANNELS]
    await deliver(partitions, steady(1, begin=1))
    await partitions.checkpoint(TOPIC)
    states, orphans = await stored(store)
    assert (set(states), orphans) == ({"pump"}, set())


async def test_the_room_of_a_stream_is_shared_by_the_partitions_of_its_topic(store):
    partitions = await claimed(store, logs=GivenLogs(partitions=3))
    await deliver(partitions, [(0, "a", 1.0, 1.0), (1, "b", 1.0, 1.0), (2, "a", 2.0, 1.0)])
    assert list(partitions.get(PARTITION).recency) == ["a"]


async def test_the_budget_is_shared_by_the_sources_that_come_and_it_is_told_when_their_number_doubles(store):
    metrics = Metrics()
    partitions = await claimed(store, metrics=metrics)
    partition = partitions.get(PARTITION)
    await deliver(partitions, [(0, "a", 1.0, 1.0)])
    await partitions.checkpoint(TOPIC)
    assert partition.sharers == 1.0
    with capture_logs() as logs:
        await deliver(partitions, [(1, "b", 1.0, 1.0)])
        await partitions.checkpoint(TOPIC)
    assert partition.sharers == 2.0
    labels = {"topic": TOPIC, "partition": "0"}
    assert metrics.registry.get_sample_value("streamgauge_budget_sources", labels) == 2.0
    told = [(line["before"], line["now"]) for line in logs if "share the budget" in line["event"]]
    assert told == [(1, 2)]


async def test_sources_stay_in_memory_as_long_as_there_is_room_for_all(store):
    other, empty = TP(TOPIC, 1), TP(TOPIC, 2)
    monitor = SensorMonitor(CONFIG)
    monitor.update(Readings.of([SensorRow("a", 1.0, {"flow": 1.0})]))
    partitions = partitions_of(store, max_state_bytes=int(6.5 * monitor.size_of("a")))
    await partitions.load([PARTITION, other, empty])

    async def in_memory():
        await partitions.checkpoint(TOPIC)
        return [len(partitions.get(tp).monitor) for tp in (PARTITION, other, empty)]

    async def see(tp, sources):
        await deliver(partitions, [(partitions.get(tp).next_offset, s, 1.0, 1.0) for s in sources], tp)

    await see(PARTITION, "abc")
    assert await in_memory() == [3, 0, 0]
    await see(other, "fgh")
    assert await in_memory() == [3, 3, 0]
    await see(empty, "k")
    assert sum(await in_memory()) <= 6
    assert len(partitions.get(empty).monitor) == 1


async def test_a_signed_state_is_read_with_its_key_only(store):
    partitions = await claimed(store, key=KEY)
    await deliver(partitions, steady(50))
    await partitions.checkpoint(TOPIC)
    again = await claimed(store, key=KEY)
    await deliver(again, steady(50, begin=50))
    for options in ({}, {"key": b"f" * 32}):
        with pytest.raises(StateError, match=f"state of pump in {TOPIC}/0: .*state_key"):
            await deliver(await claimed(store, **options), steady(50, begin=50))


async def test_a_signed_state_in_the_place_of_another_is_refused(store):
    partitions = await claimed(store, key=KEY)
    await deliver(partitions, steady(20) + steady(20, "valve", 20))
    await partitions.checkpoint(TOPIC)
    key = store.keys.state("g", TOPIC, 0)
    await store.client.hset(key, "valve", await store.client.hget(key, "pump"))
    again = await claimed(store, key=KEY)
    with pytest.raises(StateError, match=r"state of valve in .*forged"):
        await deliver(again, steady(10, "valve", 40))


@pytest.mark.parametrize("cold", [False, True])
async def test_an_old_state_stops_the_worker_or_starts_cold_as_it_is_told(store, cold):
    partitions = await claimed(store)
    await deliver(partitions, steady(50))
    await partitions.checkpoint(TOPIC)
    key = store.keys.state("g", TOPIC, 0)
    state = unpack_state(await store.client.hget(key, "pump"), "stored")
    old = {**state, "layout": "of another version"}
    await store.client.hset(key, "pump", pack_state(old))
    metrics = Metrics()
    again = await claimed(store, start_cold=cold, metrics=metrics)
    if not cold:
        with pytest.raises(OldStateError, match="state of pump: its records are laid out"):
            await deliver(again, steady(50, begin=50))
        return
    await deliver(again, steady(50, begin=50))
    assert again.get(PARTITION).monitor.features("pump")[1]["events"] == 50
    assert counted(metrics, "old_state") == 1
    # Damage is not age.
    await store.client.hset(key, "pump", pack_state(old)[:-1])
    with pytest.raises(StateError, match="checksum"):
        await deliver(await claimed(store, start_cold=True), steady(50, begin=50))


class Gate:
    """A checkpoint store that lets deliveries go on before it writes."""

    def __init__(self, checkpoints):
        self.opened, self.reached = asyncio.Event(), asyncio.Event()
        self._write = checkpoints.write
        checkpoints.write = self.write

    async def write(self, checkpoint):
        self.reached.set()
        await self.opened.wait()
        await self._write(checkpoint)


async def test_a_checkpoint_holds_what_was_at_its_position_whatever_comes_while_it_is_written(
    store, monkeypatch
):
    # One state is packed at a time, so that deliveries come before some of them are.
    monkeypatch.setattr("stream_app.runtime.partition._PACKED_AT_ONCE", 1)
    log = [event for i, source in enumerate("abc") for event in steady(30, source, 30 * i)]
    later = [(90 + i, source, 1_700_000_200.0 + i, 5.0) for i, source in enumerate("cbabc")]
    partitions = await claimed(store)
    await deliver(partitions, log)
    writing = asyncio.create_task(partitions.checkpoint(TOPIC))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await deliver(partitions, later)
    await writing
    assert partitions.get(PARTITION).stored == 90
    plain = partitions_of(await connect_like(store))
    await plain.load([PARTITION])
    await deliver(plain, log)
    await plain.checkpoint(TOPIC)
    assert await stored(store) == await stored(await connect_like(store))
    # And the next one has the rest.
    await partitions.checkpoint(TOPIC)
    await deliver(plain, later)
    await plain.checkpoint(TOPIC)
    assert await stored(store) == await stored(await connect_like(store))


async def test_deliveries_go_on_while_a_checkpoint_is_written_and_nothing_of_it_leaves_memory(store):
    partitions = await claimed(store, max_state_bytes=1)
    gate = Gate(partitions._checkpoints)
    await deliver(partitions, steady(10) + steady(10, "valve", 10))
    writing = asyncio.create_task(partitions.checkpoint(TOPIC))
    await gate.reached.wait()
    partitions.evict()
    assert len(partitions.get(PARTITION)) == 2
    await deliver(partitions, steady(10, begin=20))
    gate.opened.set()
    await writing
    partition = partitions.get(PARTITION)
    assert (partition.stored, partition.next_offset, partition.dirty) == (20, 30, {"pump"})
    assert [source for source in ("pump", "valve") if source in partition.monitor] == ["pump"]


def connect_like(store):
    copy = type(store)(store.client, type(store.keys)(f"{store.keys.prefix}-other"), store.place)

    async def made():
        return copy

    return made()


async def test_verify_tells_of_a_take_over_and_not_of_what_was_given_up(store):
    partitions = await claimed(store)
    await partitions.verify()
    await partitions_of(store).load([PARTITION])
    with pytest.raises(FencedError):
        await partitions.verify()
    await partitions.release([PARTITION], store=False)
    await partitions.verify()


async def test_a_checkpoint_whose_reply_never_came_is_told_again_before_the_next(store):
    partitions = await claimed(store)
    partition = partitions.get(PARTITION)
    await deliver(partitions, steady(10))
    write = partitions._checkpoints.write

    async def unanswered(checkpoint):
        await write(checkpoint)
        raise StoreUnavailableError("no reply")

    partitions._checkpoints.write = unanswered
    with pytest.raises(StoreUnavailableError):
        await partitions.checkpoint(TOPIC)
    partitions._checkpoints.write = write
    await deliver(partitions, steady(10, begin=10))
    await partitions.checkpoint(TOPIC)
    assert partition.stored == 10
    await partitions.checkpoint(TOPIC)
    heir = await claimed(store)
    assert heir.get(PARTITION).next_offset == 20


async def test_a_last_checkpoint_comes_after_one_whose_reply_never_came(store):
    partitions = await claimed(store)
    await deliver(partitions, steady(10))
    write, partitions._checkpoints.write = partitions._checkpoints.write, None
    with pytest.raises(TypeError):
        await partitions.checkpoint(TOPIC)
    partitions._checkpoints.write = write
    await deliver(partitions, steady(10, begin=10))
    await partitions.release([PARTITION], store=True)
    assert (await claimed(store)).get(PARTITION).next_offset == 20


async def test_a_partition_of_which_nothing_is_stored_begins_where_its_log_does(store):
    partitions = partitions_of(store, logs=GivenLogs(17, 40))
    assert await partitions.load([PARTITION]) == {PARTITION: 17}
    await partitions.checkpoint(TOPIC)
    assert (await CheckpointStore(store, "g").claim(TOPIC, 0)).next_offset is None


async def test_where_topics_have_no_ids_a_log_that_is_too_short_is_another_one(store):
    first = await claimed(store)
    await deliver(first, steady(40))
    await first.checkpoint(TOPIC)
    lives = []
    for end in (20, 60):
        partitions = partitions_of(store, logs=GivenLogs(0, end))
        assert await partitions.load([PARTITION]) == {PARTITION: 0}
        partition = partitions.get(PARTITION)
        assert partition.known == first.get(PARTITION).known
        lives.append(partition.fence.claim.life)
    assert lives[0] == lives[1] != ""


async def test_nothing_is_stored_of_a_topic_that_was_made_anew_under_its_reader(store):
    logs = GivenLogs(life="ZsBjVgVsRyyGRMw_zDC3_g")
    partitions = partitions_of(store, logs=logs)
    await partitions.load([PARTITION])
    await deliver(partitions, steady(10))
    await partitions.checkpoint(TOPIC)
    await deliver(partitions, steady(10, begin=10))
    logs.log = logs.log._replace(life="XKnnuC0yQ8adrwYh08xuMA")
    with pytest.raises(StateError, match="made anew while it was read"):
        await partitions.checkpoint(TOPIC)
    await partitions.release([PARTITION], store=True)
    assert (await CheckpointStore(store, "g").claim(TOPIC, 0)).next_offset == 10
