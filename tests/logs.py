"""What a broker says of the logs of a test."""

from stream_app.kafka.offsets import PartitionOffsets


async def life_of(kafka, topic):
    """Id of a topic; empty where the broker knows none."""
    offsets = PartitionOffsets(kafka)
    try:
        missing, _, lives = await offsets.ends([topic], [])
        assert not missing
        return lives.get(topic, "")
    finally:
        await offsets.close()
