"""A program with a small load that exposes its own metrics; at SIGUSR1 it begins to use a processor without pause."""

import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import prometheus_client
from prometheus_client.core import CounterMetricFamily


class _Written:
    """Bytes that this process has written, as Linux counts them."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        yield CounterMetricFamily(
            "process_disk_written_bytes", "Bytes given to write().", value=int(fields["wchar"])
        )


def _work(chance: random.Random, directory: Path) -> None:
    """Do a small job: reckon, hold memory, write."""
    block = bytearray(b"x") * chance.randrange(1_000_000, 3_000_000)
    end = time.thread_time() + chance.uniform(0.001, 0.006)
    while time.thread_time() < end:
        sum(range(1000))
    (directory / "written").write_bytes(block[: chance.randrange(5_000, 20_000)])
    time.sleep(0.1)


def _burn(*_: object) -> None:
    def forever() -> None:
        while True:
            sum(range(1000))

    threading.Thread(target=forever, daemon=True).start()


def _main(port: int) -> None:
    signal.signal(signal.SIGUSR1, _burn)
    prometheus_client.REGISTRY.register(_Written())
    prometheus_client.start_http_server(port, "127.0.0.1")
    chance = random.Random(port)
    with tempfile.TemporaryDirectory() as directory:
        while True:
            _work(chance, Path(directory))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
