"""What the monitor alone costs: CPU µs an event of 8 channels, by sources and by rows that a delivery brings of each.

usage: python benchmarks/detection/cost.py [--rounds 3]

One source is taught, and its state is given to all, so that every detector is at work. Then each delivery brings so
many rows of each source, in the order of their time, as columns: fetching and decoding are not in it
(benchmarks/throughput.py has the whole way), alerts and all detectors of the defaults are. A round shows every
source once; the median of the rounds counts. Ends with 1 where a target is missed.
"""

import argparse
import gc
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from stream_app.backtesting import InputRows
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.store import pack_state

TARGETS = {1: 6.0, 4: 4.0, 64: 3.0, 256: 3.0}
"""µs an event at most, by rows a source."""
SOURCES = (1000, 10_000)
TAUGHT = 3000  # rows: each detector has its reference
DELIVERY = 20_480  # readings at most
CHANNELS = tuple(f"channel-{j}" for j in range(8))
MEASURED = 50_000  # events of a cell at least
STATE_KIB, PACKED_KB = 32.0, 24.0


def resident_kib() -> float:
    """Return the memory that the process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024.0


def taught(sources: int) -> tuple[SensorMonitor, np.ndarray, int, float]:
    """Return a monitor whose sources have learned, rows to go on with, bytes of a packed state, KiB a source."""
    # Independent noise: any row could be the next of any source, and no two sources take the same turns.
    values = np.random.default_rng(1).normal(20.0, 3.0, (TAUGHT + 2 * DELIVERY, len(CHANNELS)))
    monitor = SensorMonitor(SensorStream(expected_sources=sources, channels=CHANNELS))
    monitor.update(InputRows.of("source-0", 1.7e9 + np.arange(TAUGHT), CHANNELS, values[:TAUGHT]).readings())
    state = monitor.state("source-0")
    gc.collect()
    before = resident_kib()
    for number in range(sources):
        monitor.restore(f"source-{number}", state)
    return monitor, values[TAUGHT:], len(pack_state(state)), (resident_kib() - before) / sources


def spent(monitor: SensorMonitor, values: np.ndarray, sources: int, rows: int, start: int) -> float:
    """Return CPU seconds for `rows` rows of each source."""
    names = tuple(f"source-{number}" for number in range(sources))
    at_once = max(DELIVERY // rows, 1)
    seconds = 0.0
    for first in range(0, sources, at_once):
        members = np.arange(first, min(first + at_once, sources))
        ts = 1.7e9 + start + np.repeat(np.arange(rows, dtype=np.float64), len(members))
        phase = (first + start) % DELIVERY
        table = values[phase : phase + len(ts)]
        delivery = InputRows(names, np.tile(members, rows), ts, CHANNELS, table).readings(start)
        begin = time.process_time()
        monitor.update(delivery)
        seconds += time.process_time() - begin
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    missed = 0
    table = Table(title="Monitor alone, 8 channels, defaults: CPU µs an event")
    table.add_column("sources", justify="right")
    for rows, target in TARGETS.items():
        table.add_column(f"{rows} a delivery\n(<= {target:g})", justify="right")
    table.add_column(f"KiB a source\n(<= {STATE_KIB:g})", justify="right")
    table.add_column(f"KB packed\n(<= {PACKED_KB:g})", justify="right")
    for sources in SOURCES:
        monitor, values, packed, held = taught(sources)
        cells, start = [f"{sources:,}"], TAUGHT
        spent(monitor, values, sources, 1, start)  # loads what is compiled
        start += 1
        for rows, target in TARGETS.items():
            rounds = []
            for _ in range(max(asked.rounds, MEASURED // (sources * rows))):
                rounds.append(spent(monitor, values, sources, rows, start) / (sources * rows) * 1e6)
                start += rows
            cost = statistics.median(rounds)
            missed += cost > target
            cells.append(f"{cost:.2f}" + (" MISSED" if cost > target else ""))
        for figure, target in ((held, STATE_KIB), (packed / 1e3, PACKED_KB)):
            missed += figure > target
            cells.append(f"{figure:.1f}" + (" MISSED" if figure > target else ""))
        table.add_row(*cells)
        del monitor
    Console(width=110).print(table)
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
