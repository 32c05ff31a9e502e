"""Options that every client of Kafka, and every consumer, needs."""

from typing import Any

from stream_app.kafka.fetching import bound_fetches
from stream_app.settings import KafkaSettings

__all__ = ["client_options", "consumer_options"]


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every aiokafka client needs to be let in, and see that no batch takes all memory.

    Raises
    ------
    SettingsError
        If a file of certificates cannot be used.
    """
    bound_fetches()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.servers,
        "security_protocol": settings.security,
    }
    context = settings.tls()
    if context is not None:
        options["ssl_context"] = context
    if settings.security.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.login_password
    return options


def consumer_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every aiokafka consumer needs: see `client_options`, and which transactions it reads.

    Raises
    ------
    SettingsError
        If a file of certificates cannot be used.
    """
    return client_options(settings) | {"isolation_level": settings.isolation_level}
