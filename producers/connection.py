"""The topic of a replay: made where it is missing, and with the partitions that were asked for."""

from collections.abc import Callable, Mapping

from stream_app import kafka as broker
from stream_app.errors import BrokerError
from stream_app.settings import KafkaSettings

__all__ = ["ensure_topics", "kafka_settings"]

_PARTITIONS = 4


def kafka_settings(kafka: KafkaSettings | str) -> KafkaSettings:
    """Return settings for an address ``host:port``, or the settings as they are."""
    return kafka if isinstance(kafka, KafkaSettings) else KafkaSettings(bootstrap=kafka)


async def ensure_topics(
    kafka: KafkaSettings | str,
    topics: Mapping[str, int | None],
    note: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Create the topics that are missing; those that are there stay as they are.

    Parameters
    ----------
    kafka : KafkaSettings or str
        Settings or ``host:port``.
    topics : mapping of topic to partitions
        None is whatever the topic has, and 4 for a new one.
    note : callable
        Told of each that is made.

    Returns
    -------
    dict of topic to partitions

    Raises
    ------
    BrokerError
        When no broker answers, one refuses, or a topic has another number of partitions than asked for.
    """
    wanted = {name: count or _PARTITIONS for name, count in topics.items()}

    def made(topic: str, nearest: str | None) -> None:
        hint = f"; is it {nearest} that is meant?" if nearest else ""
        note(f"made the topic {topic}, which was not there{hint}")

    found = await broker.ensure_topics(kafka_settings(kafka), wanted, create=True, note=made)
    for name, count in topics.items():
        if count is not None and found[name] != count:
            raise BrokerError(
                f"topic {name} has {found[name]} partitions, not {count}; leave out --partitions"
            )
    return found
