"""False alarms where nothing happens: Streamgauge within its budget, beside detectors with their defaults.

Usage: ``python benchmarks/detection/aa.py DATA_DIR`` (the folder that holds ``skab/``, ``mnist/``, ``smd/`` and
``elec2/``; what is not there is skipped and named).

Streamgauge is the whole monitor, as a worker runs it: all its alerts of drift, anomalies and changepoints count. Those
of the quality checks have no budget, and stand beside. A stream's first events, from which it learns, count as events.
"""

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley
from scipy.stats import ks_2samp

from producers.water_loop import WaterLoop, simulate
from stream_app.backtest import InputRows, judge
from stream_app.monitors.sensors import SensorConfig, SensorMonitor

BATCH = 2000
REFERENCE = 1000
WINDOW = 500
SLOW = 10_000  # rows given to KSWIN, which takes 180 µs an update
BUDGETS = (1000, 10_000, 100_000)  # events for each false alarm allowed
ORDERS = 20
SIMULATED = 1_000_000
SHORT, PLANTS = 50_000, range(12, 22)


def normal_plant(path: Path) -> np.ndarray:
    """Return the eight channels of the water loop in normal mode."""
    with path.open(newline="") as file:
        rows = csv.reader(file, delimiter=";")
        next(rows)
        return np.array([[float(value) for value in row[1:]] for row in rows])


def digit_statistics(path: Path) -> np.ndarray:
    """Return eight pixel statistics of each digit: brightness, contrast, ink, place, width, height, edges."""
    with gzip.open(path) as file:
        images = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28) / 255.0
    mass = images.sum(axis=(1, 2)) + 1e-9
    place = np.arange(28.0)
    columns, rows = images.sum(axis=1) / mass[:, None], images.sum(axis=2) / mass[:, None]
    x, y = columns @ place, rows @ place
    width = np.sqrt(np.maximum(columns @ place**2 - x * x, 0.0))
    height = np.sqrt(np.maximum(rows @ place**2 - y * y, 0.0))
    edges = np.abs(np.diff(images, axis=2)).mean(axis=(1, 2))
    ink = (images > 0.5).sum(axis=(1, 2)).astype(float)
    return np.column_stack(
        (images.mean(axis=(1, 2)), images.std(axis=(1, 2)), ink, x, y, width, height, edges)
    )


def server_metrics(path: Path) -> np.ndarray:
    """Return the 38 metrics of a server on its normal days, a row a minute, the label left out."""
    with gzip.open(path, "rt") as file:
        rows = csv.reader(file)
        names = next(rows)
        wanted = [index for index, name in enumerate(names) if name != "label"]
        return np.array([[float(row[index]) for index in wanted] for row in rows])


def electricity(path: Path) -> np.ndarray:
    """Return prices, demands and transfer of the electricity market, which drift."""
    with gzip.open(path, "rt") as file:
        return np.array(
            [
                [float(row[name]) for name in ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")]
                for row in csv.DictReader(file)
            ]
        )


def monitored(values: np.ndarray, events: int) -> Counter[str]:
    """Count the alerts of the whole monitor by their kind, at a budget of one false alarm in so many events."""
    monitor = SensorMonitor(SensorConfig(budget=f"1 per {events} events"))
    names = tuple(str(j) for j in range(values.shape[1]))
    begun: Counter[str] = Counter()
    for start in range(0, len(values), BATCH):
        part = values[start : start + BATCH]
        rows = InputRows.of("source", 1.7e9 + np.arange(start, start + len(part)), names, part)
        alerts = judge(monitor, rows.events(), start).alerts
        begun.update(alert.kind for alert in alerts if alert.ended_at is None)
    return begun


def peer(make: Callable[[], object]) -> Callable[[np.ndarray], int]:
    """Return a count of the alarms of a River detector on each channel, standardised by its first rows."""

    def count(values: np.ndarray) -> int:
        spread = values[:REFERENCE].std(axis=0)
        scaled = (values - values[:REFERENCE].mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
        alarms = 0
        for channel in scaled.T:
            detector = make()
            for value in channel.tolist():
                detector.update(value)
                alarms += detector.drift_detected
        return alarms

    return count


def windows(values: np.ndarray) -> int:
    """Count windows that a two-sample KS at the 5 % level calls different from the reference."""
    return sum(
        ks_2samp(channel[:REFERENCE], channel[i : i + WINDOW], method="asymp").pvalue < 0.05
        for channel in values.T
        for i in range(REFERENCE, len(channel) - WINDOW + 1, WINDOW)
    )


PEERS: tuple[tuple[str, Callable[[np.ndarray], int]], ...] = (
    ("River ADWIN, defaults", peer(ADWIN)),
    ("River PageHinkley, defaults", peer(PageHinkley)),
    ("River KSWIN, defaults", peer(lambda: KSWIN(seed=1))),
    ("KS at 0.05 per window", windows),
)


def line(label: str, events: int, alarms: int, allowed: float | None, detail: str = "") -> None:
    """Print one row of a table."""
    kept = "-" if allowed is None else ("yes" if alarms <= allowed else "NO")
    told = "-" if allowed is None else f"{allowed:.1f}"
    rate = alarms / events * 1e5
    print(f"  {label:<30}{events:>11,}{alarms:>9,}{told:>9}{rate:>13.1f}  {kept:<5}{detail}", flush=True)


def report(name: str, streams: Iterable[np.ndarray]) -> None:
    """Print one data set's line for each detector."""
    streams = list(streams)
    rows = sum(map(len, streams))
    print(f"\n{name}: {len(streams)} stream(s), {rows:,} events of {streams[0].shape[1]} channels")
    print(f"  {'detector':<30}{'events':>11}{'alarms':>9}{'allowed':>9}{'per 100,000':>13}  kept by kind")
    for budget in BUDGETS:
        kinds = sum((monitored(stream, budget) for stream in streams), Counter[str]())
        quality = kinds.pop("quality", 0)
        detail = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"
        detail += f" (and {quality} quality)" if quality else ""
        line(f"streamgauge, 1 per {budget:,}", rows, kinds.total(), rows / budget, detail)
    for label, count in PEERS:
        taken = [streams[0][:SLOW]] if "KSWIN" in label else streams
        line(label, sum(map(len, taken)), sum(map(count, taken)), None)


def main(data: Path) -> None:
    print("A/A: alarms over all channels of a source in which nothing was changed")
    print("(standardised inputs for the peers; KSWIN sees the first 10,000 events only)")
    if (plant := data / "skab" / "anomaly-free.csv").exists():
        report("Water testbed in normal mode (SKAB)", [normal_plant(plant)])
    else:
        print(f"\nskipped: {plant} is not there (the testbed's recording in normal mode, of SKAB)")
    if (images := data / "mnist" / "t10k-images-idx3-ubyte.gz").exists():
        digits = digit_statistics(images)
        orders = [digits[np.random.default_rng(seed).permutation(len(digits))] for seed in range(ORDERS)]
        report(f"Digit statistics in {ORDERS} random orders (MNIST)", orders)
    else:
        print(f"\nskipped: {images} is not there (MNIST's test digits)")
    report("Simulated plant without faults", [simulate(WaterLoop(), SIMULATED, seed=11).values])
    short = (simulate(WaterLoop(), SHORT, seed=seed).values for seed in PLANTS)
    report("Simulated plants without faults, shorter", short)
    if machines := sorted((data / "smd").glob("machine-*_train.csv.gz")):
        report("Servers on their normal days (SMD, training files)", map(server_metrics, machines))
    else:
        print(f"\nskipped: no machine-*_train.csv.gz in {data / 'smd'} (the Server Machine Dataset)")
    if (market := data / "elec2" / "electricity.csv.gz").exists():
        print("\nNot A/A, for comparison: a market that does drift, so that alarms are no errors.")
        report("Electricity market (Elec2)", [electricity(market)])
    else:
        print(f"\nskipped: {market} is not there (the electricity market)")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: aa.py DATA_DIR (the folder with skab, mnist, smd and elec2)")
    main(Path(sys.argv[1]))
