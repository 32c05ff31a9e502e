"""Kafka for the worker: Faust's credentials, and a producer that never repeats a record."""

from typing import Any

import faust
from aiokafka import AIOKafkaProducer

from stream_app.kafka import client_options, reach
from stream_app.settings import KafkaSettings

__all__ = ["faust_credentials", "start_producer"]


def faust_credentials(settings: KafkaSettings) -> Any:
    """Return what lets a client in as Faust's broker credentials; None where none are needed."""
    context = settings.tls()
    if settings.security.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.username,
            password=settings.login_password,
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
    options = client_options(settings)

    def make() -> AIOKafkaProducer:
        return AIOKafkaProducer(**options, enable_idempotence=True, linger_ms=5, max_batch_size=262_144)

    return await reach(settings, make, lambda producer: producer.stop())
