"""What a broker says of the logs of a test."""

from faust.types import TP

from stream_app.kafka.offsets import LogRange, PartitionOffsets


class GivenLogs:
    """Logs that are said to be the same in all partitions: everything is kept, of one life, unless it is changed."""

    def __init__(self, begin=0, end=10**9, life="", partitions=1):
        self.log = LogRange(begin, end, life, partitions)

    async def ranges(self, partitions, /):
        return dict.fromkeys(partitions, self.log)

    async def lives(self, topics, /):
        return dict.fromkeys(topics, self.log.life) if self.log.life else {}


async def life_of(kafka, topic):
    """Id of a topic; empty where the broker knows none."""
    return (await log_of(kafka, topic)).life


async def log_of(kafka, topic):
    """Return the log of a topic's first partition."""
    offsets, tp = PartitionOffsets(kafka), TP(topic, 0)
    try:
        return (await offsets.ranges([tp]))[tp]
    finally:
        await offsets.close()
