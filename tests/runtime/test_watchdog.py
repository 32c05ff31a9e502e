"""The watchdog, over a real broker and beside a reader that only pretends."""

import time

import pytest
from conftest import eventually
from faust.types import TP

from stream_app.errors import BrokerError, StoreUnavailableError
from stream_app.kafka.offsets import PartitionOffsets
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import KAFKA, REDIS, Outages
from stream_app.runtime.watchdog import Watchdog
from stream_app.settings import KafkaSettings

pytestmark = pytest.mark.integration

LONG_AGO = 3600.0


class Reader:
    """What a worker's reader would say."""

    def __init__(self, topic, *, next_offset=0, fetch=None, idle=LONG_AGO, unplaced=None):
        self.topic = topic
        self.next_offset = next_offset
        self.fetch = fetch
        self.idle = idle
        self.unplaced = unplaced

    def progress(self):
        return [(TP(self.topic, 0), self.next_offset, 1)]

    def note_ends(self, ends):
        self.ends = ends

    def idle_since(self):
        return None if self.idle is None else time.monotonic() - self.idle

    def unplaced_since(self):
        return None if self.unplaced is None else time.monotonic() - self.unplaced

    def position(self, tp):
        return self.fetch

    def look_for(self, topics):
        return ()


class Clock:
    """Monotonic time, moved ahead by tests."""

    ahead = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead


@pytest.fixture
def clock():
    return Clock()


async def nothing():
    pass


@pytest.fixture
async def watch(kafka, clock):
    made = []

    def make(reader, *, verify=nothing, settings=kafka, answering=LONG_AGO, inputs=(), outputs=()):
        logs = PartitionOffsets(settings)
        made.append(logs)
        outages = Outages(lambda: False, Metrics())
        dog = Watchdog(
            [reader.topic, *inputs],
            outputs,
            logs,
            reader,
            verify=verify,
            note_lives=lambda lives: None,
            outages=outages,
            rebalance_timeout=6.0,
            clock=clock,
        )
        dog._answering_since = time.monotonic() - answering
        return dog, outages

    yield make
    for logs in made:
        await logs.close()


@pytest.fixture
async def topic(make_topic, producer):
    topic = await make_topic("watched")
    for _ in range(10):
        await producer.send(topic, value=b"{}", partition=0)
    await producer.flush()
    return topic


async def test_all_is_well_at_the_end_of_the_log(watch, topic):
    reader = Reader(topic, next_offset=10)
    dog, outages = watch(reader)
    await dog.look()
    assert reader.ends == {TP(topic, 0): 10}
    assert dog.stuck is None
    assert outages.away == {}


async def test_a_reader_that_gets_nothing_although_there_is_something_is_stuck(watch, topic, clock):
    dog, _ = watch(Reader(topic, next_offset=4))
    await dog.look()
    clock.ahead = 30.0
    with pytest.raises(BrokerError, match=r"stuck .*nothing arrived for 30 s, 6 events wait"):
        await dog.look()


async def test_it_is_said_before_it_is_sure(watch, topic, clock):
    dog, _ = watch(Reader(topic, next_offset=4))
    await dog.look()
    clock.ahead = 10.0
    await dog.look()
    assert "6 events wait" in dog.stuck


async def test_the_first_event_after_an_hour_has_time_to_arrive(watch, topic, clock):
    dog, _ = watch(Reader(topic, next_offset=9))
    await dog.look()
    assert dog.stuck is None


async def test_time_counts_anew_for_the_next_event_of_a_slow_stream(watch, topic, clock):
    reader = Reader(topic, next_offset=8)
    dog, _ = watch(reader)
    await dog.look()
    reader.next_offset = 9
    clock.ahead = 30.0
    await dog.look()
    assert dog.stuck is None


@pytest.mark.parametrize(
    "reader",
    [
        {"idle": None},  # a batch is in hand
        {"idle": 1.0},  # something came a moment ago
        {"fetch": 10},  # what is left is not for readers
        {"unplaced": 5.0},  # the group rebalances
    ],
)
async def test_a_reader_that_waits_for_a_reason_is_not_stuck(watch, topic, reader):
    subject = Reader(topic, next_offset=4, **reader)
    dog, _ = watch(subject)
    await dog.look()
    dog._waiting = {tp: (offset, -LONG_AGO) for tp, (offset, _) in dog._waiting.items()}
    await dog.look()
    assert dog.stuck is None


async def test_a_reader_has_time_to_find_a_broker_that_is_back(watch, topic, clock):
    dog, _ = watch(Reader(topic, next_offset=4))
    await dog.look()
    clock.ahead = 30.0
    dog._answering_since = clock() - 2.0
    await dog.look()
    assert dog.stuck is None


async def test_a_group_that_never_settles_ends_the_worker(watch, topic):
    dog, _ = watch(Reader(topic, unplaced=20.0))
    await dog.look()
    dog, _ = watch(Reader(topic, unplaced=LONG_AGO))
    with pytest.raises(BrokerError, match="has not settled"):
        await dog.look()


@pytest.mark.parametrize(("kind", "advice"), [("inputs", "is lost"), ("outputs", "Nothing is lost")])
async def test_a_topic_that_is_gone_ends_the_worker_when_it_is_sure(watch, topic, kind, advice):
    dog, outages = watch(Reader(topic, next_offset=10), **{kind: [f"{topic}.gone"]})
    await dog.look()
    await dog.look()
    assert outages.away == {}
    with pytest.raises(BrokerError, match=rf"{topic}\.gone is gone.* {advice}"):
        await dog.look()


async def test_servers_that_do_not_answer_are_away_until_they_do(watch, topic, kafka):
    async def verify():
        raise StoreUnavailableError("nobody there")

    nobody = KafkaSettings(bootstrap="127.0.0.1:1")
    dog, outages = watch(Reader(topic, next_offset=4), verify=verify, settings=nobody)
    await dog.look()
    assert outages.away.keys() == {KAFKA, REDIS}
    dog._offsets._settings = kafka
    dog._verify = nothing
    await eventually(lambda: not_away(dog, outages))


async def not_away(dog, outages):
    await dog.look()
    return not outages.away
