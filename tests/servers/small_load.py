"""A program with a small load that exposes what it uses, as Linux counts it; SIGUSR1 lets it suffer: of ``cpu``, ``memory`` or ``disk``."""

import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Summary, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PAGE = os.sysconf("SC_PAGE_SIZE")
PAUSE = 0.05
LARGEST, MOST_MEMORY = 4_000_000, 400_000_000


class Used:
    """CPU time, memory and bytes written of this process."""

    def collect(self) -> Iterator[Metric]:
        io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        yield CounterMetricFamily("process_cpu_seconds", "CPU time.", value=time.process_time())
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory.", value=pages * PAGE)
        yield CounterMetricFamily("process_disk_written_bytes", "Given to write().", value=int(io["wchar"]))


def reckon(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def write(path: Path, count: int) -> None:
    with path.open("wb") as file:
        file.write(bytes(count))
        file.flush()
        os.fsync(file.fileno())


def main(port: int, of: str) -> None:
    suffers = [""]
    signal.signal(signal.SIGUSR1, lambda *_: suffers.append(of))
    registry = CollectorRegistry()
    registry.register(Used())
    took = Summary("job_duration_seconds", "Time of a job.", registry=registry)
    start_http_server(port, "127.0.0.1", registry)
    chance, held = random.Random(port), list[bytes]()
    content = bytes(LARGEST)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "written")
        while True:
            with took.time():
                block = mmap.mmap(-1, chance.randrange(LARGEST // 8, LARGEST))
                block.write(content[: len(block)])
                reckon(chance.uniform(0.5e-3, 1.5e-3))
                write(file, chance.randrange(5_000, 20_000))
                match suffers[-1]:
                    case "cpu":
                        reckon(4.0 * PAUSE)
                    case "disk":
                        write(file, 4_000_000)
                    case "memory" if 10_000_000 * len(held) < MOST_MEMORY:
                        held.append(b"x" * 10_000_000)
            # What a job holds is scraped while it waits.
            time.sleep(PAUSE)
            block.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
