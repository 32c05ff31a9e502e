"""False alarms where nothing happens: Streamgauge's budget against detectors with their defaults.

Usage: ``python benchmarks/detection/aa.py DATA_DIR`` (the folder that holds ``skab/`` and ``mnist/``).
"""

import csv
import gzip
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley
from scipy.stats import ks_2samp

from producers.water_loop.physics import WaterLoop
from producers.water_loop.simulate import simulate
from stream_app.core.drift import DriftConfig, DriftDetector

BATCH = 2000
REFERENCE = 1000
WINDOW = 500
SLOW = 10_000  # rows given to KSWIN, which takes 180 µs an update
RATES = (1e-3, 1e-4, 1e-5)
ORDERS = 20
SIMULATED = 1_000_000


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


def budgeted(rate: float) -> Callable[[np.ndarray], int]:
    """Return a count of the alarms of our detector with this false-alarm rate and defaults else."""

    def count(values: np.ndarray) -> int:
        detector = DriftDetector([str(j) for j in range(values.shape[1])], DriftConfig(false_alarm_rate=rate))
        return sum(
            len(detector.update(np.arange(float(len(part))), part).signals)
            for part in (values[i : i + BATCH] for i in range(0, len(values), BATCH))
        )

    return count


def peer(make: Callable[[], object]) -> Callable[[np.ndarray], int]:
    """Return a count of the alarms of a River detector on each channel, standardised by its first rows."""

    def count(values: np.ndarray) -> int:
        scaled = (values - values[:REFERENCE].mean(axis=0)) / values[:REFERENCE].std(axis=0)
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


def report(name: str, streams: Iterable[np.ndarray]) -> None:
    """Print one data set's line for each detector."""
    streams = list(streams)
    rows = sum(map(len, streams))
    print(f"\n{name}: {len(streams)} stream(s), {rows:,} events of {streams[0].shape[1]} channels")
    print(f"  {'detector':<34}{'events':>11}{'alarms':>9}{'allowed':>9}{'per 100,000':>13}  kept")
    contestants: list[tuple[str, float | None, Callable[[np.ndarray], int]]] = [
        (f"streamgauge, 1 per {round(1 / rate):,}", rate, budgeted(rate)) for rate in RATES
    ]
    contestants += [
        ("River ADWIN, defaults", None, peer(ADWIN)),
        ("River PageHinkley, defaults", None, peer(PageHinkley)),
        ("River KSWIN, defaults", None, peer(lambda: KSWIN(seed=1))),
        ("KS at 0.05 per window", None, windows),
    ]
    for label, rate, count in contestants:
        taken = [streams[0][:SLOW]] if "KSWIN" in label else streams
        events = sum(map(len, taken))
        alarms = sum(count(stream) for stream in taken)
        allowed = f"{events * rate:.1f}" if rate else "-"
        kept = "" if rate is None else ("yes" if alarms <= events * rate else "NO")
        print(
            f"  {label:<34}{events:>11,}{alarms:>9,}{allowed:>9}{alarms / events * 1e5:>13.1f}  {kept}",
            flush=True,
        )


def main() -> None:
    data = Path(sys.argv[1])
    print("A/A: alarms over all channels of a source in which nothing was changed")
    print("(standardised inputs for the peers; KSWIN sees the first 10,000 events only)")
    report("Water loop in normal mode", [normal_plant(data / "skab" / "anomaly-free.csv")])
    digits = digit_statistics(data / "mnist" / "t10k-images-idx3-ubyte.gz")
    orders = [digits[np.random.default_rng(seed).permutation(len(digits))] for seed in range(ORDERS)]
    report(f"Digit statistics in {ORDERS} random orders", orders)
    report("Simulated plant without faults", [simulate(WaterLoop(), SIMULATED, seed=1).values])


if __name__ == "__main__":
    main()
