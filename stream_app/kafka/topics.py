"""Topics that must be there."""

import asyncio
from collections.abc import Collection, Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from stream_app.errors import BrokerError
from stream_app.kafka.clients import admin_client
from stream_app.kafka.refusal import refusal
from stream_app.settings import KafkaSettings

__all__ = ["ensure_topics"]

_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_SHOWN_SECONDS = 5.0
_POLL_SECONDS = 0.05


async def ensure_topics(
    settings: KafkaSettings, wanted: Mapping[str, int], *, create: bool, kept: Collection[str] = ()
) -> dict[str, int]:
    """See that topics are there; those that are stay as they are.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    wanted : dict of str to int
        Topic to the number of partitions it gets if it must be made.
    create : bool
        Make those that are missing; else they are an error.
    kept : collection of str
        Those that never lose a record, if they must be made: without a limit of age or size, whatever the broker's are.

    Returns
    -------
    dict of str to int
        Topic to the number of partitions it has.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or a topic is missing and not to be made or can't be.
    """
    async with admin_client(settings) as admin:
        try:
            # Describing a topic that is missing would create it on many brokers, so look at the list first.
            missing = sorted(set(wanted) - set(await admin.list_topics()))
            if missing and not create:
                raise BrokerError(
                    f"Kafka at {settings.bootstrap} has no topic {', '.join(missing)}; "
                    "create it, or set worker.create_topics = true"
                )
            if missing:
                answer = await admin.create_topics(
                    [
                        NewTopic(name, wanted[name], 1, topic_configs=_KEPT if name in kept else None)
                        for name in missing
                    ]
                )
                for topic, code, *message in answer.topic_errors:
                    if code not in {0, TopicAlreadyExistsError.errno}:
                        reason = next(filter(None, message), f"error {code}")
                        raise BrokerError(
                            f"Kafka at {settings.bootstrap} refuses to make the topic {topic}: {reason}"
                        )
            return await _partitions(settings, admin, list(wanted)) if wanted else {}
        except (KafkaError, OSError) as error:
            refused = await refusal(settings)
            if refused is not None:
                raise refused from error
            raise BrokerError(
                f"Kafka at {settings.bootstrap}: cannot look up topics {', '.join(wanted)}: {error}"
            ) from error


async def _partitions(
    settings: KafkaSettings, admin: AIOKafkaAdminClient, topics: list[str]
) -> dict[str, int]:
    """Look up numbers of partitions, waiting until new topics are known everywhere."""
    for _ in range(round(_SHOWN_SECONDS / _POLL_SECONDS)):
        found = {topic["topic"]: topic for topic in await admin.describe_topics(topics)}
        if all(found[name]["error_code"] == 0 and found[name]["partitions"] for name in topics):
            return {name: len(found[name]["partitions"]) for name in topics}
        await asyncio.sleep(_POLL_SECONDS)
    raise BrokerError(
        f"Kafka at {settings.bootstrap} made topics {', '.join(topics)}, but does not show them after {_SHOWN_SECONDS:.0f} s"
    )
