"""Incidents of labelled faults: how many tell of one fault, and whom they blame.

usage: python benchmarks/detection/incidents.py [DATA_DIR]

The monitor is the whole one with its defaults, one causal pass a series. Simulated plants have one fault each. Of a sensor's
fault its channel is faulty; where the process itself fails, the channels that it moves most against the same run without
it, in their own standard deviations: cavitation shakes both accelerometers alike. With DATA_DIR the Server Machine Dataset is judged by its interpretation
labels, and two normal days of PetShop's services, each a source, by the incidents that page a person. Ends with 1 where a target is missed.
"""

import argparse
import csv
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from datasets import PLANT_ROWS, WARMUP, load, plant_faults
from judging import Figure
from series import Series
from tables import show

from producers.water_loop import CHANNELS, Fault, WaterLoop, simulate
from stream_app.events import Alert, Incident, Readings, SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.tables.rows import InputRows

DELIVERY = 4096
TOP = 5
ALIKE = 0.8
"""Channels that a fault moves at least so much as the one that it moves most are faulty, too."""


def incidents(series: Series, channels: tuple[str, ...]) -> list[tuple[int, Incident]]:
    """Return the incidents of a series as they stood at last, each with the row at which it began."""
    monitor = SensorMonitor(SensorStream(warmup=series.warmup))
    last: dict[str, Alert] = {}
    began: dict[str, int] = {}
    for first in range(0, len(series), DELIVERY):
        rows = slice(first, first + DELIVERY)
        part = InputRows.of("source", series.ts[rows], channels, series.values[rows])
        for alert in monitor.update(part.readings(first)).alerts:
            began.setdefault(alert.case.id, alert.offset)
            last[alert.case.id] = alert
    return [(began[name], alert.case) for name, alert in last.items()]


def faulty(fault: Fault, seed: list[int]) -> set[str]:
    """Return the channels that a fault is about."""
    if fault.name.startswith("sensor"):
        return {fault.channel}
    runs = [simulate(WaterLoop(), PLANT_ROWS, seed=seed, faults=faults) for faults in ([fault], [])]
    rows = runs[0].anomaly
    change = runs[0].values[rows] - runs[1].values[rows]
    moved = np.sqrt((change**2).mean(axis=0)) / runs[1].values[:WARMUP].std(axis=0)
    return {CHANNELS[j] for j in np.flatnonzero(moved >= ALIKE * moved.max())}


def plants() -> int:
    told, first, within, alerts = [], [], [], 0
    for series, (fault, seed) in zip(load("plants", Path()), plant_faults(), strict=True):
        found = incidents(series, CHANNELS)
        about = [case for row, case in found if row >= fault.start]
        told.append(len(about))
        if about:
            blamed = [name for name, _ in about[0].channels]
            right = faulty(fault, seed)
            first.append(bool(right & set(blamed[:1])))
            within.append(bool(right & set(blamed[:2])))
            alerts += about[0].alerts
    found = sum(map(bool, told))
    return show(
        f"single faults of {len(told)} simulated plants",
        [
            Figure("faults told", found, detail=f"of {len(told)}"),
            Figure(
                "incidents per fault told",
                sum(told) / found,
                at_most=1.1,
                detail=f"{alerts} alerts in the first ones",
            ),
            Figure("faulty channel blamed first", float(np.mean(first)), at_least=0.9),
            Figure("faulty channel among the first two", float(np.mean(within))),
        ],
    )


def labels(path: Path) -> Iterable[tuple[int, int, set[str]]]:
    """Read interpretation labels: first and last row, and the metrics, which are counted from 1."""
    for line in path.read_text().split():
        rows, _, metrics = line.partition(":")
        first, last = map(int, rows.split("-"))
        yield first, last, {f"metric-{int(number) - 1}" for number in metrics.split(",")}


def machines(data: Path) -> int:
    hits, counts = [], []
    for series in load("smd", data):
        channels = tuple(f"metric-{j}" for j in range(series.values.shape[1]))
        spans = list(labels(data / "smd" / "interpretation_label" / f"{series.name}.txt"))
        found = incidents(series, channels)
        counts.append(len(found))
        for row, case in found:
            right = [metrics for first, last, metrics in spans if first <= row <= last]
            if right:
                hits.append(bool({name for name, _ in case.channels[:TOP]} & right[0]))
    return show(
        f"{len(counts)} machines of the Server Machine Dataset",
        [
            Figure("incidents", sum(counts), detail=f"{len(hits)} begin within a label"),
            Figure(f"a labelled metric among the first {TOP}", float(np.mean(hits)), at_least=0.8),
        ],
    )


def shop(path: Path) -> int:
    """Judge normal days of a shop's services: a source each, with the statistics of its metrics every five minutes."""
    with path.open(newline="") as file:
        (_, *services), (_, *metrics), (_, *statistics), *rows = csv.reader(file)
    columns: dict[str, dict[str, int]] = {}
    for place, (service, metric, statistic) in enumerate(zip(services, metrics, statistics, strict=True)):
        columns.setdefault(service, {})[f"{metric}.{statistic}"] = place
    monitor, begun, count = SensorMonitor(SensorStream()), dict[str, list[Alert]](), 0
    for ts, *cells in rows:
        # The first row names the column of times.
        if ts == "unix_timestamp":
            continue
        readings = [
            SensorRow(
                service,
                float(ts),
                {name: float(cells[at]) if cells[at] else None for name, at in its.items()},
            )
            for service, its in columns.items()
        ]
        found = monitor.update(Readings.of(readings, range(count, count + len(readings))))
        count += len(readings)
        for alert in found.alerts:
            if alert.begins:
                begun.setdefault(alert.case.id, []).append(alert)
    paging = [one for one in begun.values() if any(alert.pages for alert in one)]
    detail = "; ".join(f"{alerts[0].source}: {alerts[0].summary}" for alerts in paging)
    return show(
        f"normal days of {len(columns)} services of PetShop, {count:,} readings",
        [
            Figure("incidents that page", len(paging), at_most=0, detail=detail),
            Figure("others", len(begun) - len(paging), detail="a channel at a new level"),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?")
    data = parser.parse_args().data
    missed = plants()
    if data is not None and (data / "smd" / "interpretation_label").is_dir():
        missed += machines(data)
    normal = None if data is None else data / "petshop/high_traffic/noissue/metrics.csv"
    if normal is not None and normal.is_file():
        missed += shop(normal)
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
