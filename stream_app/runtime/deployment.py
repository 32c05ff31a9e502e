"""What a deployment reads, as its store notes it."""

from stream_app.kafka import cluster_id
from stream_app.kinds import input_topics
from stream_app.settings import Settings

__all__ = ["deployment_reads"]


async def deployment_reads(settings: Settings) -> dict[str, str]:
    """Name the cluster and the streams that workers with these settings read; see `stream_app.store.Ownership`.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached or refuses.
    SettingsError
        If two streams read the same topic.
    """
    cluster = await cluster_id(settings.kafka)
    reads = {} if cluster is None else {"kafka": cluster}
    for topic, name in input_topics(settings).items():
        reads[f"stream.{name}"] = f"{settings.streams[name].kind} from {topic}"
    return reads
