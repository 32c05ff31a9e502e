"""How large a message a topic takes."""

import contextlib

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from stream_app.kafka.clients import admin_client
from stream_app.settings import KafkaSettings

__all__ = ["most_message_bytes"]

_LIMIT = "max.message.bytes"


async def most_message_bytes(settings: KafkaSettings, topic: str) -> int | None:
    """Return the most bytes that a batch of a topic may have; None where the broker does not say, or not to us.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    topic : str
        One that is there.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached.
    """
    async with admin_client(settings) as admin:
        with contextlib.suppress(KafkaError, OSError):
            wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {_LIMIT: None})
            for answer in await admin.describe_configs([wanted]):
                for _, _, _, _, entries in answer.resources:
                    limits = [value for name, value, *_ in entries if name == _LIMIT and value]
                    if limits:
                        return int(limits[0])
    return None
