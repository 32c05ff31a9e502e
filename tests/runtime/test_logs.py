"""Questions about logs, asked of a real broker."""

import asyncio

import pytest
from faust.types import TP

from stream_app.errors import BrokerUnavailableError
from stream_app.runtime.logs import Logs
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
async def logs(kafka):
    logs = Logs(kafka)
    yield logs
    await logs.close()


async def test_questions_that_come_together_are_all_answered(logs, tp):
    asked = await asyncio.gather(
        logs.ranges([tp]), logs.ends([tp.topic, f"{tp.topic}.gone"], [tp]), logs.ranges([tp])
    )
    assert asked == [{tp: (0, 3)}, ({f"{tp.topic}.gone"}, {tp: 3}), {tp: (0, 3)}]


async def test_a_question_that_fails_spoils_none_that_comes_with_it(kafka, tp):
    logs = Logs(kafka, patience=1.0)
    nowhere = TP(tp.topic, 7)
    failed, answered = await asyncio.gather(logs.ranges([nowhere]), logs.ranges([tp]), return_exceptions=True)
    assert isinstance(failed, BrokerUnavailableError)
    assert f"{tp.topic}/7" in str(failed)
    assert answered == {tp: (0, 3)}
    await logs.close()


async def test_a_broker_that_is_back_is_asked_again(kafka, tp):
    logs = Logs(KafkaSettings(bootstrap="127.0.0.1:1"), patience=2.0)
    with pytest.raises(BrokerUnavailableError, match="does not tell where"):
        await logs.ranges([tp])
    logs._settings = kafka
    assert await logs.ranges([tp]) == {tp: (0, 3)}
    await logs.close()
