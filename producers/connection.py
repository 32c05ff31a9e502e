"""Reaching Kafka: options of every client, patience with a broker that is starting, topics that must be there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError
from aiokafka.helpers import create_ssl_context

from stream_app.errors import BrokerError
from stream_app.settings import KafkaSettings

__all__ = ["client_options", "ensure_topics", "kafka_settings", "reach"]

ATTEMPTS = 5
FIRST_WAIT = 0.25
"""Seconds before the second attempt; each later wait is twice as long, so that all take under four seconds."""


class Client(Protocol):
    """What all aiokafka clients have."""

    async def start(self) -> Any:
        """Connect."""


C = TypeVar("C", bound=Client)


def kafka_settings(kafka: KafkaSettings | str) -> KafkaSettings:
    """Return settings for an address ``host:port``, or the settings as they are."""
    return kafka if isinstance(kafka, KafkaSettings) else KafkaSettings(bootstrap=kafka)


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return what every aiokafka client needs to be let in."""
    options: dict[str, Any] = {"bootstrap_servers": kafka.servers, "security_protocol": kafka.security}
    if kafka.security.endswith("SSL"):
        options["ssl_context"] = create_ssl_context(cafile=kafka.ca_file)
    if kafka.security.startswith("SASL") and kafka.password is not None:
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.username
        options["sasl_plain_password"] = kafka.password.get_secret_value()
    return options


async def reach(kafka: KafkaSettings, make: Callable[[], C], close: Callable[[C], Awaitable[Any]]) -> C:
    """Start a client, trying again for a few seconds while no broker answers.

    Parameters
    ----------
    kafka : KafkaSettings
        For the message.
    make, close
        Make a new client for each attempt; close one that could not start.

    Raises
    ------
    BrokerError
        When no attempt succeeded.
    """
    wait = FIRST_WAIT
    for attempt in range(1, ATTEMPTS + 1):
        client = make()
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            await close(client)
            if attempt == ATTEMPTS:
                # Nobody there is said already; anything else (a refused login, say) is not.
                more = "" if isinstance(error, KafkaConnectionError | OSError) else f": {error}"
                raise BrokerError(
                    f"no Kafka broker answers at {kafka.bootstrap} (tried {ATTEMPTS} times){more}"
                ) from None
            await asyncio.sleep(wait)
            wait *= 2
        else:
            return client
    raise AssertionError


async def ensure_topics(kafka: KafkaSettings | str, topics: Mapping[str, int | None]) -> dict[str, int]:
    """Create the topics that are missing; those that are there stay as they are.

    Parameters
    ----------
    kafka : KafkaSettings or str
        Settings or ``host:port``.
    topics : mapping of topic to partitions
        None is whatever the topic has, and 4 for a new one.

    Returns
    -------
    dict of topic to partitions

    Raises
    ------
    BrokerError
        When no broker answers, one refuses, or a topic has another number of partitions than asked for.
    """
    kafka = kafka_settings(kafka)
    admin = await reach(kafka, lambda: AIOKafkaAdminClient(**client_options(kafka)), lambda a: a.close())
    try:
        # Describing a topic that is missing would create it on many brokers, so look at the list first.
        there = set(await admin.list_topics())
        new = [NewTopic(name, topics[name] or 4, 1) for name in topics if name not in there]
        if new:
            answer = await admin.create_topics(new)
            for name, code, message in answer.topic_errors:
                if code not in {0, TopicAlreadyExistsError.errno}:
                    raise BrokerError(f"{kafka.bootstrap} refuses to create topic {name}: {message or code}")
        found = await _partitions(admin, list(topics))
    except (KafkaError, OSError) as error:
        raise BrokerError(f"{kafka.bootstrap}: cannot look up topics {', '.join(topics)}: {error}") from None
    finally:
        await admin.close()
    for name, wanted in topics.items():
        if wanted is not None and found[name] != wanted:
            raise BrokerError(
                f"topic {name} has {found[name]} partitions, not {wanted}; leave out --partitions"
            )
    return found


async def _partitions(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, int]:
    """Look up numbers of partitions, waiting until new topics are known everywhere."""
    for _ in range(100):
        found = {t["topic"]: t for t in await admin.describe_topics(topics)}
        if all(found[name]["error_code"] == 0 and found[name]["partitions"] for name in topics):
            return {name: len(found[name]["partitions"]) for name in topics}
        await asyncio.sleep(0.05)
    raise BrokerError(f"topics {', '.join(topics)} were created, but the broker does not show them after 5 s")
