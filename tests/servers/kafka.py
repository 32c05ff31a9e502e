"""Apache Kafka as one node: broker and controller in a Java process, its log on disk."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from servers.ports import answers_kafka, last_lines
from servers.process import ServerProcess

from stream_app.embedded import free_port

__all__ = ["ApacheKafka"]

# STREAMGAUGE_TEST_KAFKA_VERSION names another version than the pinned one.
_VERSION = os.environ.get("STREAMGAUGE_TEST_KAFKA_VERSION", "")
_JARS = Path(__file__).resolve().parents[2] / "build" / (f"kafka-{_VERSION}" if _VERSION else "kafka")
_CLUSTER = "c3RyZWFtZ2F1Z2UtdGVzdA"
_NONE: Mapping[str, str] = MappingProxyType({})

# One quick compiler and one collector: a short life on few cores is spent in starting.
_JVM = ("-Xms128m", "-Xmx448m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=INFO")


class ApacheKafka(ServerProcess):
    """A broker that can be stopped, killed and started again on the same log.

    Parameters
    ----------
    directory : path
        Where its properties, log segments and ``kafka.log`` are.
    port : int, optional
        Of the listener ``PLAINTEXT`` on 127.0.0.1; a free one where none is named.
    advertised_port : int, optional
        What the broker tells clients to connect to: the port of a proxy before it.
    listeners : mapping of str to int
        Further listeners and their ports, such as ``{"SASL_SSL": 9093}``; named by their protocol.
    properties : mapping of str to str
        Lines of ``server.properties`` over ours.
    format_options : sequence of str
        Given to the storage tool once, such as ``["--add-scram", "SCRAM-SHA-256=[name=…,password=…]"]``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        advertised_port: int | None = None,
        listeners: Mapping[str, int] = MappingProxyType({}),
        properties: Mapping[str, str] = _NONE,
        format_options: Sequence[str] = (),
    ) -> None:
        super().__init__(directory / "kafka.log", lambda: answers_kafka(self.port))
        self.directory = directory
        self.port = port or free_port()
        self._advertised_port = advertised_port or self.port
        self._listeners = dict(listeners)
        self._properties = _defaults() | dict(properties)
        self._controller_port = free_port()
        self._format_options = list(format_options)

    def start(self, timeout: float = 60.0) -> str:
        """Start it and wait until it answers; return the address for clients."""
        self._check_stopped()
        java = [_java(), *_JVM, "-cp", _class_path()]
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._lines().items()))
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(java, config)
        self._spawn([*java, "kafka.Kafka", config], timeout)
        return f"127.0.0.1:{self._advertised_port}"

    def _lines(self) -> dict[str, str]:
        listeners = {"PLAINTEXT": self.port} | self._listeners
        advertised = listeners | {"PLAINTEXT": self._advertised_port}
        ours = {
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": _addresses(listeners | {"CONTROLLER": self._controller_port}),
            "advertised.listeners": _addresses(advertised),
            "log.dirs": str(self.directory / "data"),
        }
        return ours | self._properties

    def _format(self, java: list[str], config: Path) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER, "--config", str(config)]
        with self.log.open("ab") as output:
            done = subprocess.run(
                [*java, *tool, *self._format_options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"the storage could not be formatted:\n{last_lines(self.log)}")


def _addresses(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())


def _defaults() -> dict[str, str]:
    names = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": ",".join(["CONTROLLER:PLAINTEXT", *(f"{n}:{n}" for n in names)]),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "log.retention.ms": "-1",  # recorded events are older than any usual retention
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": "8388608",
        "log.cleaner.backoff.ms": "500",
        "log.index.size.max.bytes": "1048576",
    }


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise RuntimeError(
            "Apache Kafka needs Java 17 or newer, and there is none; on Debian: sudo apt-get install default-jre-headless"
        )
    return java


def _class_path() -> str:
    if not (_JARS / ".ready").exists():
        version = f" KAFKA_VERSION={_VERSION}" if _VERSION else ""
        raise RuntimeError(f"Apache Kafka has not been fetched; run: make kafka{version}")
    return str(_JARS / "*")
