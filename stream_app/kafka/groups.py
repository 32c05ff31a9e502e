"""The consumer group that must be ours to use."""

import contextlib

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from stream_app.errors import BrokerError
from stream_app.kafka.clients import reach
from stream_app.kafka.options import client_options
from stream_app.settings import KafkaSettings

__all__ = ["check_group"]


async def check_group(settings: KafkaSettings, group: str) -> None:
    """See that a group may be joined: a consumer that may not would wait for its partitions for ever.

    Parameters
    ----------
    settings : KafkaSettings
        Where.
    group : str
        The group; it need not exist yet.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or does not let us use the group.
    """
    options = client_options(settings)
    admin = await reach(settings, lambda: AIOKafkaAdminClient(**options), lambda client: client.close())
    try:
        # Any other failure is of the moment, and met again where the group is joined.
        with contextlib.suppress(KafkaError, OSError):
            try:
                await admin.find_coordinator(group)
            except GroupAuthorizationFailedError as error:
                raise BrokerError(
                    f"Kafka at {settings.bootstrap} does not let {settings.username or 'us'} use the group {group}: "
                    "it needs the right to read it (kafka-acls --operation Read --group)"
                ) from error
    finally:
        await admin.close()
