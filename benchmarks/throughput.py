"""From Kafka to Redis: events a second, CPU, delays of alerts, memory; beside a Faust agent and bare aiokafka loops.

usage: python benchmarks/throughput.py [--full] [--only PART ...]

Real servers: Apache Kafka (`make kafka`) and redis-server, a fresh store for each run. Runs are interleaved, each
contestant in a process of its own, and the median counts. CPU is that of all threads; what the servers used stands
beside it. Linux only. Ends with 1 where a target is missed.

start
    From the start of a worker's process to its first event, which waits for it; kernels are compiled before.
catch-up
    A recorded topic of 64 sources, from the moment at which partitions are there until everything is processed and,
    by the worker, stored. Peers do what one would write by hand: see `benchmarks/load/catch_up.py`.
live
    10,000 taught sources with an event a second each.
alerts
    64 and 1,000 taught sources, 1,000 and 10,000 events a second in an open loop: from the sending of the event that
    fires an alert to the alert in Redis, whose stream says when; beside a loop that fetches, decodes and writes.
"""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable

import numpy as np
from load.catch_up import CONTESTANTS, Run, flat_topic, in_child
from load.events import encoder, flat_encoder, record
from load.live import Live, bare_live, start_seconds, worker_live
from load.open_loop import Load
from load.servers import ApacheKafka, fresh_store, kafka
from rich.console import Console
from rich.table import Table

from stream_app.monitors.sensors.compiling import compile_kernels

SOURCES = 64
CATCH_UP_US, LIVE_CORES, START_SECONDS, HELD_KIB, STORED_KB, TIMES_BARE = 10.0, 0.25, 3.0, 32.0, 24.0, 1.5
FAULTS = 20.0  # planted a second
SHARES = (0.5, 0.99)
CELLS = ((64, 1000.0), (64, 10_000.0), (1000, 1000.0), (1000, 10_000.0))

_console = Console(width=130)
_missed: list[str] = []


def against(name: str, value: float, most: float, form: str = ".2f") -> str:
    """Return a figure with its target; note where it is missed."""
    kept = value <= most
    if not kept:
        _missed.append(name)
    return f"{value:{form}} (<= {most:{form}}{'' if kept else ', MISSED'})"


def table(title: str, *headings: str) -> Table:
    made = Table(title=title)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number else "left")
    return made


def start(broker: ApacheKafka, options: argparse.Namespace) -> None:
    runs = [start_seconds(broker) for _ in range(options.rounds)]
    seconds, cpu = (statistics.median(each) for each in zip(*runs, strict=True))
    shown = table("Start of a worker", "", "seconds", "of CPU")
    shown.add_row("to its first event", against("start to first event", seconds, START_SECONDS), f"{cpu:.2f}")
    _console.print(shown)


def catch_up(broker: ApacheKafka, options: argparse.Namespace) -> None:
    address, topic = f"127.0.0.1:{broker.port}", "recorded"
    size = asyncio.run(record(address, topic, options.events, SOURCES, encoder()))
    asyncio.run(record(address, flat_topic(topic), options.events, SOURCES, flat_encoder()))
    names = [name for name in CONTESTANTS if options.full or "and River's" not in name]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            # Where a detector of River's looks at every reading, a tenth is as good.
            events = options.events // 10 if "River's" in name else options.events
            with fresh_store(broker) as place:
                runs[name].append(in_child(name, place, topic, events))
    shown = table(
        f"Catch-up: {options.events:,} events of {SOURCES} sources, 8 channels, {size:.0f} bytes each; "
        f"median of {options.rounds} interleaved runs (least and most)",
        "contestant", "events/s", "CPU µs an event", "of Kafka", "of Redis", "peak MB",
    )  # fmt: skip
    for name, made in runs.items():
        cpu = median(made, lambda run: run.per_event("worker"))
        shown.add_row(
            name,
            spread(made, lambda run: run.rate, ",.0f"),
            against(name, cpu, CATCH_UP_US, ".1f")
            if name == "worker, defaults"
            else spread(made, lambda run: run.per_event("worker"), ".1f"),
            f"{median(made, lambda run: run.per_event('kafka')):.1f}",
            f"{median(made, lambda run: run.per_event('redis')):.1f}",
            f"{median(made, lambda run: run.peak_kib) / 1024:.0f}",
        )
    _console.print(shown)


def live(broker: ApacheKafka, options: argparse.Namespace) -> None:
    load = Load(10_000, 10_000.0, options.seconds, 0.0)
    made = worker_live(broker, load, often=False)
    shown = table(
        f"Live: {load.sources:,} taught sources at 1 Hz, {load.seconds:.0f} s",
        "worker cores", "Kafka", "Redis", "behind at the end s", "KiB a source in the worker", "KB of state in Redis", "with features",
    )  # fmt: skip
    shown.add_row(
        against("live, cores", made.used.worker / made.seconds, LIVE_CORES),
        f"{made.used.kafka / made.seconds:.2f}",
        f"{made.used.redis / made.seconds:.2f}",
        f"{made.behind:.2f}",
        against("memory of a taught source", made.held_kib, HELD_KIB, ".1f"),
        against("state of a taught source in Redis", made.stored / 1e3, STORED_KB, ".1f"),
        f"{made.written / 1e3:.1f}",
    )
    _console.print(shown)


def alerts(broker: ApacheKafka, options: argparse.Namespace) -> None:
    shown = table(
        "Open loop: from the event to its alert in Redis, ms",
        "sources", "events/s", "reader", "alerts", "p50", "p99", "at most", "", "cores", "of Kafka", "of Redis", "producer late s",
    )  # fmt: skip
    for sources, rate in CELLS:
        load = Load(sources, rate, options.seconds / 2.0, FAULTS)
        bare, worker = [], []
        for _ in range(options.rounds - 1):
            bare.append(bare_live(broker, load))
            worker.append(worker_live(broker, load, often=True, detectors=tuple(options.detector)))
        shown.add_row(f"{sources:,}", f"{rate:,.0f}", "bare", *delays(bare), "", "", *cost(bare))
        most = [TIMES_BARE * quantile(bare, share) for share in SHARES]
        # Without an alert there is no delay, and no target is kept.
        kept = all(quantile(worker, share) <= limit for share, limit in zip(SHARES, most, strict=True))
        if not kept:
            _missed.append(f"delay of alerts, {sources:,} sources at {rate:,.0f}/s")
        limits = " / ".join(f"{limit:.1f}" for limit in most)
        shown.add_row("", "", "worker", *delays(worker), limits, "ok" if kept else "MISSED", *cost(worker))
    _console.print(shown)


def delays(made: list[Live]) -> list[str]:
    count = sum(len(one.delays) for one in made)
    return [f"{count:,}", *(f"{quantile(made, share):.1f}" for share in SHARES)]


def cost(made: list[Live]) -> list[str]:
    cores = [
        median(made, lambda one, name=name: getattr(one.used, name) / one.seconds)
        for name in ("worker", "kafka", "redis")
    ]
    return [*(f"{each:.2f}" for each in cores), f"{max(one.producer_late for one in made):.2f}"]


def quantile(made: list[Live], share: float) -> float:
    """Return a quantile of all delays in ms; NaN without an alert, which keeps no target."""
    delays = np.concatenate([one.delays for one in made])
    return float(np.quantile(delays, share)) * 1e3 if len(delays) else float("nan")


def median(made: list, figure: Callable) -> float:
    return statistics.median(map(figure, made))


def spread(made: list, figure: Callable, form: str) -> str:
    values = sorted(map(figure, made))
    return f"{statistics.median(values):{form}} ({values[0]:{form}} to {values[-1]:{form}})"


PARTS = {"start": start, "catch-up": catch_up, "live": live, "alerts": alerts}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="longer, and more runs")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--detector", nargs="*", default=[], help="River detectors beside the defaults, for `alerts`"
    )
    options = parser.parse_args()
    options.rounds, options.events, options.seconds = (
        (5, 1_000_000, 60.0) if options.full else (3, 200_000, 15.0)
    )
    compile_kernels()  # no run waits for it
    with kafka() as broker:
        for name in options.only:
            PARTS[name](broker, options)
    if _missed:
        print("missed: " + "; ".join(_missed))
    sys.exit(bool(_missed))


if __name__ == "__main__":
    main()
