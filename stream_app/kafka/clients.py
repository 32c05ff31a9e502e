"""Starting a client: tried for a few seconds, but not where the broker refuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, UnsupportedVersionError

from stream_app.backoff import backoff
from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.kafka.options import client_options
from stream_app.kafka.refusal import refusal
from stream_app.settings import KafkaSettings

__all__ = ["ATTEMPTS", "admin_client", "reach", "start_producer"]

ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 2.0
"""All waits together take under four seconds."""


class Client(Protocol):
    """What all aiokafka clients have."""

    async def start(self) -> Any:
        """Connect."""


C = TypeVar("C", bound=Client)

_BATCH_BYTES = 262_144


async def reach(settings: KafkaSettings, make: Callable[[], C], close: Callable[[C], Awaitable[Any]]) -> C:
    """Start a client, trying again for a few seconds while no broker answers.

    Parameters
    ----------
    settings : KafkaSettings
        For the message.
    make, close
        Make a new client for each attempt; close one that could not start.

    Raises
    ------
    BrokerUnavailableError
        When no attempt succeeded.
    BrokerError
        When a broker refuses the login, is not trusted, or lacks something that the client needs.
    """
    waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
    for attempt in range(1, ATTEMPTS + 1):
        client = make()
        try:
            await client.start()
        except UnsupportedVersionError as error:
            await close(client)
            raise BrokerError(f"Kafka at {settings.bootstrap} is too old: {error}") from error
        except (KafkaError, OSError) as error:
            await close(client)
            refused = await refusal(settings)
            if refused is not None and not isinstance(refused, BrokerUnavailableError):
                raise refused from error
            if attempt == ATTEMPTS:
                # Nobody there is said already; anything else is not.
                reason = refused or (None if isinstance(error, KafkaConnectionError | OSError) else error)
                more = f": {reason}" if reason else ""
                raise BrokerUnavailableError(
                    f"Kafka at {settings.bootstrap} cannot be reached (tried {ATTEMPTS} times){more}"
                ) from error
            await asyncio.sleep(next(waits))
        else:
            return client
    raise AssertionError


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a client for questions about topics, groups and the cluster, for as long as the body runs; raises as `reach`."""
    options = client_options(settings)
    admin = await reach(settings, lambda: AIOKafkaAdminClient(**options), lambda client: client.close())
    try:
        yield admin
    finally:
        await admin.close()


async def start_producer(settings: KafkaSettings, batch_bytes: int = _BATCH_BYTES) -> AIOKafkaProducer:
    """Start a producer whose retries never repeat a record, trying for a few seconds.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    batch_bytes : int
        Most bytes of a batch of several records, before compression: a topic may take less.

    Raises
    ------
    BrokerError
        If no broker answers.
    """
    options = client_options(settings)

    def make() -> AIOKafkaProducer:
        # Dead letters repeat what came in, which may have been compressed a thousandfold; every client reads gzip.
        return AIOKafkaProducer(
            **options,
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=batch_bytes,
            compression_type="gzip",
        )

    return await reach(settings, make, lambda producer: producer.stop())
