"""History of sources in Redis: what charts read is what was written, however often, and never more points than asked."""

import numpy as np
import pytest

from stream_app.core.bank import Bank
from stream_app.core.history import LENGTHS, WIDTHS, history_layout
from stream_app.core.history.recorder import HistoryRecorder
from stream_app.errors import DataError, FencedError, StateError
from stream_app.store import CheckpointStore, Fence, History, HistoryWriter

pytestmark = pytest.mark.integration

BEGIN = 1_700_000_000.0 // 43_200 * 43_200


class Source:
    """A source whose readings are recorded and written, as a worker does."""

    def __init__(self, store, channels=("flow",)):
        self.writer = HistoryWriter(store, "sensors", ttl=60.0)
        self.bank = Bank(history_layout(len(channels)))
        self.bank.add("pump")
        self.recorder = HistoryRecorder(channels)

    async def take(self, ts, values, scores=None):
        ts = np.asarray(ts, dtype=float)
        values = np.asarray(values, dtype=float).reshape(len(ts), -1)
        scores = np.zeros(len(ts)) if scores is None else np.asarray(scores, dtype=float)
        slots = np.full(len(ts), self.bank.slot("pump"))
        closed = self.recorder.record(self.bank, ["pump"] * len(ts), slots, ts, values, scores)
        for _ in range(2):
            await self.writer.write(closed)
        await self.writer.write([self.recorder.open(self.bank, ["pump"])])


async def test_a_source_without_history_is_empty(store):
    assert len(await History(store).read("sensors", "nobody")) == 0


async def test_readings_come_back_with_their_minimum_mean_and_maximum(store):
    await Source(store).take(BEGIN + np.arange(10.0), [5, 1, 2, 3, 4, 7, 7, 7, 7, 9.5], np.arange(10.0))
    series = await History(store).read("sensors", "pump")
    assert (series.time - BEGIN).tolist() == [0.0, 5.0]
    assert series.mean[:, 0].tolist() == [3.0, 7.5]
    assert series.min[:, 0] == pytest.approx([1.0, 7.0], abs=0.02)
    assert series.max[:, 0] == pytest.approx([5.0, 9.5], abs=0.02)
    assert series.score == pytest.approx([4.0, 9.0], rel=0.01)
    assert series.count.tolist() == [5, 5]


async def test_batch_borders_do_not_matter(store):
    rng = np.random.default_rng(1)
    ts, values = BEGIN + np.sort(rng.uniform(0, 20_000, 3000)), rng.normal(1e6, 1.0, (3000, 2))
    values[rng.random((3000, 2)) < 0.1] = np.nan
    whole, pieces = Source(store, ("flow", "pressure")), Source(store, ("flow", "pressure"))
    await whole.take(ts, values)
    first = await store.client.get(store.keys.history("sensors", "pump"))
    await store.client.delete(store.keys.history("sensors", "pump"))
    for part in np.array_split(np.arange(3000), 37):
        await pieces.take(ts[part], values[part])
    assert await store.client.get(store.keys.history("sensors", "pump")) == first


async def test_months_are_drawn_in_hours_and_the_last_minutes_in_seconds(store):
    hours = 24 * 40
    ts = BEGIN + np.concatenate([np.arange(0, hours * 3600, 60.0), hours * 3600 + np.arange(0.0, 600.0)])
    await Source(store).take(ts, np.sin(ts / 86_400))
    history = History(store)
    series = await history.read("sensors", "pump", points=10_000)
    assert series.width[-1] == WIDTHS[0]
    assert series.width[0] == WIDTHS[-1]
    assert len(series) <= sum(LENGTHS)
    # Without gaps and overlaps.
    assert np.all(series.time[1:] == series.time[:-1] + series.width[:-1])
    assert ts[-1] - series.time[0] > 35 * 86_400
    assert series.mean[:, 0] == pytest.approx(np.sin((series.time + series.width / 2) / 86_400), abs=0.03)
    for points in (1, 7, 100):
        few = await history.read("sensors", "pump", points=points)
        assert 0 < len(few) <= points
        assert few.count.sum() == series.count.sum()
        assert few.max.max() == series.max.max()
    day = await history.read("sensors", "pump", ts[-1] - 86_400, ts[-1], points=500)
    assert len(day) > 80
    assert day.time[0] >= ts[-1] - 86_400 - 3600


async def test_many_closed_buckets_leave_the_open_one_that_was_written_before_them(store):
    source = Source(store)
    slots = np.zeros(1500, dtype=np.int64)
    closed = source.recorder.record(
        source.bank, ["pump"] * 1500, slots, BEGIN + np.arange(1500.0), np.ones((1500, 1)), np.zeros(1500)
    )
    await source.writer.write([source.recorder.open(source.bank, ["pump"])])
    await source.writer.write(closed)
    assert (await History(store).read("sensors", "pump", BEGIN + 1490)).time.tolist()[-2:] == [
        BEGIN + 1490,
        BEGIN + 1495,
    ]


async def test_late_readings_count_in_the_open_bucket(store):
    await Source(store).take(BEGIN + np.array([0.0, 7.0, 3.0, 8.0]), [1.0, 2.0, 9.0, 2.0])
    series = await History(store).read("sensors", "pump")
    assert series.count.tolist() == [1, 3]
    assert series.max[:, 0] == pytest.approx([1.0, 9.0], rel=0.01)


async def test_a_source_that_names_a_new_channel_keeps_its_history(store):
    await Source(store).take(BEGIN + np.arange(12.0), np.arange(12.0))
    await Source(store, ("flow", "added")).take(BEGIN + np.arange(100.0, 106.0), np.ones((6, 2)))
    series = await History(store).read("sensors", "pump")
    assert series.channels == ("flow", "added")
    # A new source counts its buckets from the first place on; what is behind them stays.
    assert series.mean[0].tolist() == pytest.approx([10.5, np.nan], nan_ok=True)
    assert series.mean[-1].tolist() == [1.0, 1.0]


async def test_what_its_sender_gave_up_and_comes_late_changes_nothing(store):
    claim = await CheckpointStore(store, "group").claim("sensor.readings", 0)
    source, fence = Source(store), Fence(claim, 0)
    await source.take(BEGIN + np.arange(2.0), [1.0, 1.0])
    old = [source.recorder.open(source.bank, ["pump"])]
    await source.take(BEGIN + np.arange(2.0, 4.0), [1.0, 1.0])
    for _ in range(2):
        await source.writer.write([source.recorder.open(source.bank, ["pump"])], fence)
    # As the first of those two calls would have been.
    await source.writer.write(old, Fence(claim, 0))
    assert (await History(store).read("sensors", "pump")).count.tolist() == [4]
    await CheckpointStore(store, "group").claim("sensor.readings", 0)
    with pytest.raises(FencedError):
        await source.writer.write(old, fence)


async def test_what_follows_a_call_that_was_given_up_is_written(store):
    claim = await CheckpointStore(store, "group").claim("sensor.readings", 0)
    source, fence = Source(store), Fence(claim, 0)
    await source.take(BEGIN + np.arange(2.0), [1.0, 1.0])
    await source.writer.write([source.recorder.open(source.bank, ["pump"])], fence)
    # Redis has it, and the worker, which was being stopped, never heard so.
    fence.writes -= 1
    await source.take(BEGIN + np.arange(2.0, 4.0), [1.0, 1.0])
    await store.client.delete(store.keys.history("sensors", "pump"))
    await source.writer.write([source.recorder.open(source.bank, ["pump"])], fence)
    assert (await History(store).read("sensors", "pump")).count.tolist() == [4]


async def test_history_expires_with_its_source(store):
    await Source(store).take(BEGIN + np.arange(12.0), np.arange(12.0))
    assert 0 < await store.client.ttl(store.keys.history("sensors", "pump")) <= 60


@pytest.mark.parametrize("stored", [b"", b"SGT1", b"SGT1\x02\x00\x00\x00[]xyz", b"x" * 30_000])
async def test_damaged_history_is_named(store, stored):
    await store.client.set(store.keys.history("sensors", "pump"), stored)
    with pytest.raises(StateError, match="history:sensors:pump"):
        await History(store).read("sensors", "pump")


async def test_no_time_has_no_points_and_no_points_are_refused(store):
    await Source(store).take(BEGIN + np.arange(12.0), np.arange(12.0))
    assert len(await History(store).read("sensors", "pump", BEGIN + 9, BEGIN + 1)) == 0
    with pytest.raises(DataError):
        await History(store).read("sensors", "pump", points=0)


async def test_eight_channels_fit_into_24_kib(store):
    channels = tuple(f"pressure-{i}" for i in range(8))
    await Source(store, channels).take(BEGIN + np.arange(0.0, 1e6, 50.0), np.ones((20_000, 8)))
    assert await store.client.memory_usage(store.keys.history("sensors", "pump")) <= 24 * 1024 + 200
