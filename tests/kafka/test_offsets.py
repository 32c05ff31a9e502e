"""Questions about offsets, asked of a real broker."""

import asyncio

import pytest
from faust.types import TP

from stream_app.errors import BrokerUnavailableError
from stream_app.kafka.offsets import LogRange, PartitionOffsets
from stream_app.settings import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.fixture
async def tp(make_topic, producer):
    topic = await make_topic("asked")
    for _ in range(3):
        await producer.send(topic, value=b"{}", partition=0)
    await producer.flush()
    return TP(topic, 0)


@pytest.fixture
async def offsets(kafka):
    offsets = PartitionOffsets(kafka)
    yield offsets
    await offsets.close()


async def test_questions_that_come_together_are_all_answered(offsets, tp):
    asked = await asyncio.gather(
        offsets.ranges([tp]),
        offsets.ends([tp.topic, f"{tp.topic}.gone"], [tp]),
        offsets.lives([tp.topic, f"{tp.topic}.gone"]),
        offsets.ranges([tp]),
    )
    (first, (missing, ends, known), lives, last) = asked
    assert lives == known
    assert lives.get(tp.topic, "") == first[tp].life
    assert first == last == {tp: LogRange(0, 3, first[tp].life, 1)}
    assert missing == {f"{tp.topic}.gone"}
    assert ends == {tp: 3}


async def test_a_question_that_fails_spoils_none_that_comes_with_it(kafka, tp):
    offsets = PartitionOffsets(kafka, timeout=1.0)
    nowhere = TP(tp.topic, 7)
    failed, answered = await asyncio.gather(
        offsets.ranges([nowhere]), offsets.ranges([tp]), return_exceptions=True
    )
    assert isinstance(failed, BrokerUnavailableError)
    assert f"{tp.topic}/7" in str(failed)
    assert answered[tp][:2] == (0, 3)
    await offsets.close()


async def test_a_broker_that_is_back_is_asked_again(kafka, tp):
    offsets = PartitionOffsets(KafkaSettings(bootstrap="127.0.0.1:1"), timeout=2.0)
    with pytest.raises(BrokerUnavailableError, match="does not tell where"):
        await offsets.ranges([tp])
    offsets._settings = kafka
    assert (await offsets.ranges([tp]))[tp][:2] == (0, 3)
    await offsets.close()
