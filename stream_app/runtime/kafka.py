"""Clients of Kafka with our settings: options, a producer, and a look at the topics."""

import asyncio
from collections.abc import Mapping
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnsupportedVersionError
from aiokafka.helpers import create_ssl_context

from stream_app.errors import BrokerError
from stream_app.settings import KafkaSettings

__all__ = ["client_options", "ensure_topics", "faust_credentials", "start_producer"]

_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.25


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the connection options of every aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.servers,
        "security_protocol": settings.security,
    }
    if settings.security.endswith("SSL"):
        options["ssl_context"] = create_ssl_context(cafile=settings.ca_file)
    if settings.security.startswith("SASL") and settings.password is not None:
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.password.get_secret_value()
    return options


def faust_credentials(settings: KafkaSettings) -> Any:
    """Return the same as Faust's broker credentials; None where none are needed."""
    context = client_options(settings).get("ssl_context")
    if settings.security.startswith("SASL") and settings.password is not None:
        return faust.SASLCredentials(
            username=settings.username,
            password=settings.password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


async def start_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Start a producer whose retries never repeat a record, trying for a few seconds.

    Raises
    ------
    BrokerError
        If no broker answers.
    """
    wait = _FIRST_WAIT_SECONDS
    for attempt in range(_ATTEMPTS):
        producer = AIOKafkaProducer(
            **client_options(settings), enable_idempotence=True, linger_ms=5, max_batch_size=262_144
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            if isinstance(error, UnsupportedVersionError) or attempt == _ATTEMPTS - 1:
                raise BrokerError(f"Kafka at {settings.bootstrap} cannot be reached: {error}") from error
            await asyncio.sleep(wait)
            wait *= 2
        else:
            return producer
    raise AssertionError


async def ensure_topics(settings: KafkaSettings, wanted: Mapping[str, int], *, create: bool) -> None:
    """See that topics are there.

    Parameters
    ----------
    settings : KafkaSettings
        Where.
    wanted : dict of str to int
        Topic to the number of partitions it gets if it must be made.
    create : bool
        Make those that are missing; else they are an error.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or a topic is missing and not to be made or can't be.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        missing = sorted(set(wanted) - set(await admin.list_topics()))
        if missing and not create:
            raise BrokerError(
                f"Kafka at {settings.bootstrap} has no topic {', '.join(missing)}; "
                "create it, or set worker.create_topics = true"
            )
        if missing:
            answer = await admin.create_topics([NewTopic(name, wanted[name], 1) for name in missing])
            for topic, code, *message in answer.topic_errors:
                if code not in {0, TopicAlreadyExistsError.errno}:
                    raise BrokerError(
                        f"Kafka at {settings.bootstrap} refuses to make the topic {topic}: {message}"
                    )
    except (KafkaError, OSError) as error:
        raise BrokerError(f"Kafka at {settings.bootstrap} cannot be reached: {error}") from error
    finally:
        await admin.close()
