"""Options that every client of Kafka needs, and its start with patience."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError, UnsupportedVersionError
from aiokafka.helpers import create_ssl_context

from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.settings import KafkaSettings

__all__ = ["ATTEMPTS", "client_options", "reach"]

ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 0.25
"""Each later wait is twice as long, so that all take under four seconds."""


class Client(Protocol):
    """What all aiokafka clients have."""

    async def start(self) -> Any:
        """Connect."""


C = TypeVar("C", bound=Client)


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every aiokafka client needs to be let in.

    Raises
    ------
    BrokerError
        If the file of certificates cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.servers,
        "security_protocol": settings.security,
    }
    if settings.security.endswith("SSL"):
        try:
            options["ssl_context"] = create_ssl_context(cafile=settings.ca_file)
        except OSError as error:
            raise BrokerError(f"kafka.ca_file: {settings.ca_file} cannot be used: {error}") from error
    if settings.security.startswith("SASL") and settings.password is not None:
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.password.get_secret_value()
    return options


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
        When the broker lacks something that the client needs.
    """
    wait = _FIRST_WAIT_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        client = make()
        try:
            await client.start()
        except UnsupportedVersionError as error:
            await close(client)
            raise BrokerError(f"Kafka at {settings.bootstrap} is too old: {error}") from error
        except (KafkaError, OSError) as error:
            await close(client)
            if attempt == ATTEMPTS:
                # Nobody there is said already; anything else (a refused login, say) is not.
                more = "" if isinstance(error, KafkaConnectionError | OSError) else f": {error}"
                raise BrokerUnavailableError(
                    f"Kafka at {settings.bootstrap} cannot be reached (tried {ATTEMPTS} times){more}"
                ) from error
            await asyncio.sleep(wait)
            wait *= 2
        else:
            return client
    raise AssertionError
