"""The newest records of a topic: so many and so large."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.kafka.reading import _Newest, reading

pytestmark = pytest.mark.integration


class Kept:
    """A record as the client has it."""

    def __init__(self, offset, size):
        self.offset, self.key, self.value, self.headers = offset, None, b"x" * size, ()


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 50), st.integers(0, 60), st.integers(1, 8))
def test_steps_from_the_end_give_what_one_reading_would(sizes, share, room, step):
    records = [Kept(offset, size) for offset, size in enumerate(sizes)]
    expected, taken = [], 0
    for record in reversed(records[-share:]):
        taken += len(record.value)
        if taken > room and expected:
            break
        expected.insert(0, record)
    part = _Newest(max(0, len(records) - share), len(records), room)
    while part.is_open:
        begin, end = part.before(step)
        for record in records[begin:end]:
            part.add(record)
        part.close_step()
        step *= 2
    assert part.records == expected


async def test_the_newest_are_bounded_in_number_and_in_bytes(kafka, make_topic, producer):
    topic = await make_topic("newest", 2)
    for number in range(200):
        await producer.send(topic, b"%03d" % number + b"x" * 997, partition=number % 2)
    await producer.flush()
    async with reading(kafka) as reader:
        few = await reader.newest(topic, 10)
        small = await reader.newest(topic, 200, max_bytes=20_000)
        one = await reader.newest(topic, 200, max_bytes=1)
        everything = await reader.newest(topic, 1000)
    assert [record.value[:3] for record in few] == [
        b"%03d" % n for n in (*range(190, 200, 2), *range(191, 201, 2))
    ]
    assert [record.value[:3] for record in small] == [
        b"%03d" % n for n in (*range(180, 200, 2), *range(181, 201, 2))
    ]
    assert [record.value[:3] for record in one] == [b"198", b"199"]
    assert len(everything) == 200
