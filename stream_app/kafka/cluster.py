"""The identity of a Kafka cluster."""

from aiokafka.errors import KafkaError

from stream_app.errors import BrokerError
from stream_app.kafka.clients import admin_client
from stream_app.kafka.refusal import refusal
from stream_app.settings import KafkaSettings

__all__ = ["cluster_id"]


async def cluster_id(settings: KafkaSettings) -> str | None:
    """Ask a cluster for its id, which is the same for all its brokers and as long as it lives.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.

    Returns
    -------
    str or None
        None from a broker that has none.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached or refuses.
    """
    async with admin_client(settings) as admin:
        try:
            found = (await admin.describe_cluster()).get("cluster_id")
        except (KafkaError, OSError) as error:
            refused = await refusal(settings)
            if refused is not None:
                raise refused from error
            raise BrokerError(f"Kafka at {settings.bootstrap} does not name its cluster: {error}") from error
    return None if found is None else str(found)
