"""Why a broker that answers lets nobody in.

Clients of Kafka say that no broker could be reached, whatever the reason, and try again. A wrong password or a
certificate that is not trusted does not go away by that, so here one plain connection looks what it is.
"""

import asyncio
import ssl
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.kafka.options import client_options
from stream_app.settings import KafkaSettings, tls_problem

__all__ = ["refusal"]

_PATIENCE_SECONDS = 5.0
_LOGIN = (SaslAuthenticationFailed, AuthenticationFailedError)
_MECHANISM = (UnsupportedSaslMechanismError, AuthenticationMethodNotSupported)


async def refusal(settings: KafkaSettings) -> BrokerError | None:
    """Look why no client can be started.

    Parameters
    ----------
    settings : KafkaSettings
        Where, and with which login and certificates.

    Returns
    -------
    BrokerError or None
        What a broker that answers has against us, or we against it; a BrokerUnavailableError where one hangs up, which
        may pass; None if there is nothing.
    """
    waiting = [(host, port) for host, port, _ in collect_hosts(settings.bootstrap)]
    seen = set(waiting)
    found = None
    for host, port in waiting:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                advertised = await _look(settings, host, port)
        except TimeoutError:
            continue
        except BrokerUnavailableError as error:
            found = error
            continue
        except BrokerError as error:
            return error
        # Clients go on to the addresses that the broker names, which its certificate must hold too.
        waiting += [address for address in advertised if address not in seen]
        seen.update(advertised)
    return found


async def _look(settings: KafkaSettings, host: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses that a broker names; none where it does not answer."""
    options: dict[str, Any] = client_options(settings)
    del options["bootstrap_servers"]
    here = f"Kafka at {host}:{port}"
    connected = False
    try:
        connection = await create_conn(host, port, client_id="streamgauge", **options)
        connected = True
        try:
            metadata = await connection.send(MetadataRequest([]))
        finally:
            connection.close()
    except _LOGIN as error:
        raise BrokerError(
            f"{here} refuses the login of {settings.username} by {settings.sasl_mechanism}: {error}"
        ) from error
    except _MECHANISM as error:
        raise BrokerError(
            f"{here} does not offer {settings.sasl_mechanism}; see kafka.sasl_mechanism"
        ) from error
    except (KafkaError, OSError) as error:
        problem = tls_problem(error)
        if problem is not None:
            raise BrokerError(f"{here} cannot be used over TLS: {problem}") from error
        if (
            connected
            or not isinstance(error, OSError)
            or isinstance(error, ConnectionResetError | ssl.SSLError)
        ):
            # That is how a broker answers the wrong protocol, and what a proxy before one that is away does.
            raise BrokerUnavailableError(
                f"{here} hangs up on {settings.security}; see kafka.security"
            ) from error
        return []
    except ValueError as error:
        raise BrokerError(f"{here} does not prove that it knows the password: {error}") from error
    return [(broker[1], broker[2]) for broker in metadata.brokers]
