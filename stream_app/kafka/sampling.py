"""The newest records of a topic."""

from typing import Any

from stream_app.kafka.reading import TopicReader

__all__ = ["newest_records"]


async def newest_records(reader: TopicReader, topic: str, count: int) -> list[Any]:
    """Return the newest records of each partition, about so many in all, in the order of their partitions and offsets.

    Parameters
    ----------
    reader : TopicReader
        Connected.
    topic : str
        Its name.
    count : int
        An equal part of each partition, one at least.

    Raises
    ------
    BrokerError
        If the topic is not there or cannot be read.
    """
    spans = await reader.spans(topic)
    share = max(1, count // max(1, len(spans)))
    parts = {partition: (max(begin, end - share), end) for partition, (begin, end) in spans.items()}
    found = [record async for record in reader.between(topic, parts)]
    return sorted(found, key=lambda record: (record.partition, record.offset))
