"""Whether Kafka keeps each event of the topics that are read."""

import contextlib
from collections.abc import Collection

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from stream_app.errors import BrokerError
from stream_app.kafka.clients import admin_client
from stream_app.settings import KafkaSettings

__all__ = ["check_cleanup", "compacted_topics"]

_POLICY = "cleanup.policy"


async def compacted_topics(settings: KafkaSettings, topics: Collection[str]) -> list[str]:
    """Return the topics that Kafka compacts: of the events of a key it keeps only the last.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    topics : collection of str
        Topics that are read; they need not exist.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached.
    """
    compacted = []
    # What a broker does not answer, or not to us, is no finding.
    async with admin_client(settings) as admin:
        with contextlib.suppress(KafkaError, OSError):
            there = sorted(set(topics) & set(await admin.list_topics()))
            wanted = [ConfigResource(ConfigResourceType.TOPIC, topic, {_POLICY: None}) for topic in there]
            for answer in await admin.describe_configs(wanted) if wanted else []:
                for _, _, _, topic, entries in answer.resources:
                    policies = [value for name, value, *_ in entries if name == _POLICY]
                    compacted += [topic for value in policies if "compact" in (value or "")]
    return compacted


async def check_cleanup(settings: KafkaSettings, topics: Collection[str]) -> None:
    """See that no topic is compacted; for the parameters see `compacted_topics`.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or a topic is compacted.
    """
    compacted = await compacted_topics(settings, topics)
    if compacted:
        raise BrokerError(
            f"Kafka at {settings.bootstrap} compacts the topic {', '.join(compacted)}: of the events of a key it keeps only "
            "the last, and a worker that comes later never sees the others; set cleanup.policy=delete"
        )
