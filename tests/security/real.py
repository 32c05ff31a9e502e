"""What real servers that ask for a login and certificates are started with, and where they are not."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from security.certificates import Certificates, Pair
from servers.kafka import ApacheKafka

from stream_app.embedded import free_port

__all__ = ["LIMITED", "PASSWORD", "USER", "Guarded", "guarded_kafka", "needs_kafka", "needs_redis"]

USER, PASSWORD = "worker", "hunter2=/secret+%40"
LIMITED = "streamgauge"
"""A user who may do nothing but what a test allows."""

_JARS = Path(__file__).resolve().parents[2] / "build" / "kafka" / ".ready"

needs_kafka = pytest.mark.skipif(
    not (_JARS.exists() and shutil.which("java")), reason="needs Apache Kafka and Java: make test-kafka"
)
needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="needs redis-server: make test-kafka"
)

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "LOGIN": "SASL_SSL",
    "READABLE": "SASL_PLAINTEXT",
    "MUTUAL": "SSL",
    "ELSEWHERE": "SSL",
    "NAMED": "SSL",
    "EXPIRED": "SSL",
}


@dataclass(frozen=True)
class Guarded:
    """A broker with a listener for each kind of guard.

    Parameters
    ----------
    ports : dict of str to int
        Listener to its port on 127.0.0.1.
    """

    broker: ApacheKafka
    ports: dict[str, int]

    def at(self, listener: str, host: str = "127.0.0.1") -> str:
        return f"{host}:{self.ports[listener]}"


def guarded_kafka(directory: Path, certificates: Certificates) -> Guarded:
    """Make a broker that is not started yet."""
    ports = {name: free_port() for name in _LISTENERS}
    others = {name: port for name, port in ports.items() if name != "PLAINTEXT"}
    protocols = {"CONTROLLER": "PLAINTEXT"} | _LISTENERS
    properties = {
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{USER};User:certified",
        "ssl.principal.mapping.rules": "RULE:^.*$/certified/",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
    }
    for listener in ("LOGIN", "READABLE"):
        properties |= _login(listener)
    shown = {
        "LOGIN": certificates.server,
        "MUTUAL": certificates.server,
        "ELSEWHERE": certificates.elsewhere,
        "NAMED": certificates.named,
        "EXPIRED": certificates.expired,
    }
    for listener, pair in shown.items():
        properties |= _shows(listener, pair)
    properties["listener.name.mutual.ssl.client.auth"] = "required"
    scram = [
        option
        for mechanism in _MECHANISMS[1:]
        for name in (USER, LIMITED)
        for option in ("--add-scram", f"{mechanism}=[name={name},password={PASSWORD}]")
    ]
    broker = ApacheKafka(
        directory, port=ports["PLAINTEXT"], listeners=others, properties=properties, format_options=scram
    )
    return Guarded(broker, ports)


def _login(listener: str) -> dict[str, str]:
    name = f"listener.name.{listener.lower()}"
    modules = "org.apache.kafka.common.security"
    scram = f"{modules}.scram.ScramLoginModule required;"
    return {
        f"{name}.sasl.enabled.mechanisms": ",".join(_MECHANISMS),
        f"{name}.plain.sasl.jaas.config": f'{modules}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        f"{name}.scram-sha-256.sasl.jaas.config": scram,
        f"{name}.scram-sha-512.sasl.jaas.config": scram,
    }


def _shows(listener: str, pair: Pair) -> dict[str, str]:
    name = f"listener.name.{listener.lower()}.ssl.keystore"
    return {f"{name}.type": "PEM", f"{name}.location": str(pair.both)}
