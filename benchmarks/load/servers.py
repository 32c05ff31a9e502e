"""Apache Kafka and redis-server for a benchmark, and what processes have used so far (Linux)."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from servers.kafka import ApacheKafka
from servers.redis import RedisServer

__all__ = ["Place", "Usage", "fresh_store", "kafka", "resident_kib", "usage"]

_TICKS = os.sysconf("SC_CLK_TCK")
_numbers = iter(range(1_000_000))


@dataclass(frozen=True)
class Place:
    """Where a run finds its servers, and what nobody else there has the name of."""

    kafka: str
    redis: str
    kafka_pid: int
    redis_pid: int
    name: str


@dataclass(frozen=True)
class Usage:
    """CPU seconds of all threads, user and system."""

    worker: float
    kafka: float
    redis: float

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.worker - other.worker, self.kafka - other.kafka, self.redis - other.redis)


def cpu_seconds(pid: int) -> float:
    """Return what a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def usage(pid: int, place: Place) -> Usage:
    """Return what a worker and its servers have used."""
    return Usage(cpu_seconds(pid), cpu_seconds(place.kafka_pid), cpu_seconds(place.redis_pid))


def resident_kib(pid: int, name: str = "VmRSS") -> float:
    """Return the memory that a process holds; ``VmHWM`` is the most that it has held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return float(line.split()[1])
    raise ValueError(f"/proc/{pid}/status says no {name}")


@contextmanager
def kafka() -> Iterator[ApacheKafka]:
    """Run a broker."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as directory:
        server = ApacheKafka(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def fresh_store(broker: ApacheKafka) -> Iterator[Place]:
    """Run a store that has seen nothing, and give a name to whatever is made meanwhile."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as directory:
        server = RedisServer(Path(directory))
        url = server.start()
        try:
            assert broker.pid is not None
            assert server.pid is not None
            yield Place(f"127.0.0.1:{broker.port}", url, broker.pid, server.pid, f"run{next(_numbers)}")
        finally:
            server.kill()
