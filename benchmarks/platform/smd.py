"""The platform's detector on the Server Machine Dataset, beside a rule on robust z.

usage: python benchmarks/platform/smd.py DATA_DIR

Each machine is a platform of one node with 38 series. The detector runs over the training part, which is normal, and on over the test part, in one
causal pass with its defaults. The rule knows the training part as a whole: it tells where the largest robust z of a series in two of three rows
exceeds the most that the training part had. Nothing is set for this data set.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from judging import Told, begins_of_rule, judge

from stream_app.core.platform import PlatformDetector, Series

WEEK = 7 * 86_400.0
GRACE = 30
"""Rows after a label in which an incident is still of it."""


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the 38 columns of a file, and its labels, all 0 where it has none."""
    table = np.genfromtxt(path, delimiter=",", names=True)
    names = [name for name in table.dtype.names if name not in ("timestamp", "label")][:38]
    labels = table["label"] if "label" in table.dtype.names else np.zeros(len(table))
    return np.column_stack([table[name] for name in names]), labels > 0.5


def spans_of(labels: np.ndarray) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], labels.astype(int), [0]))))
    return [(float(first), float(last - 1)) for first, last in edges.reshape(-1, 2)]


def detector_begins(train: np.ndarray, test: np.ndarray) -> tuple[list[int], int, float]:
    """Return the test rows at which incidents begin, how many begin in the training part, and seconds a row."""
    series = [Series("machine", f"metric_{j}", "other") for j in range(train.shape[1])]
    detector = PlatformDetector(window=60.0, budget_per_second=1.0 / WEEK)
    begins, before, began = [], 0, time.process_time()
    for row, values in enumerate(np.concatenate((train, test))):
        if detector.update(60.0 * (row + 1), series, values).began:
            if row < len(train):
                before += 1
            else:
                begins.append(row - len(train))
    return begins, before, (time.process_time() - began) / (len(train) + len(test))


def robust_z(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    centre = np.median(train, axis=0)
    scale = 1.4826 * np.median(np.abs(train - centre), axis=0)
    spread = train.std(axis=0)
    scale = np.where(scale > 0.0, scale, np.where(spread > 0.0, spread, np.inf))
    return (np.abs(rows - centre) / scale).max(axis=1)


def line(name: str, told: Told, days: float, more: str = "") -> None:
    found = sum(delay is not None for delay in told.delays)
    print(
        f"  {name:<22}{found:>4} of {len(told.delays):<4}{len(told.false):>6} false in {days:.1f} normal days"
        f"{told.median_delay:>8.0f} min median delay  {more}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data / "smd"
    paths = sorted(data.glob("machine-*_train.csv.gz"))
    if not paths:
        sys.exit(f"no machine-*_train.csv.gz in {data}")
    for path in paths:
        name = path.name.removesuffix("_train.csv.gz")
        (train, _), (test, labels) = read(path), read(path.with_name(f"{name}_test.csv.gz"))
        spans, days = spans_of(labels), float((~labels).sum()) / 1440.0
        print(f"\n{name}: {len(spans)} labelled incidents")
        begins, before, cost = detector_begins(train, test)
        line("platform detector", judge(begins, spans, GRACE), days,
             f"{before} in {len(train) / 1440.0:.1f} days of training, {1e6 * cost:.0f} us a row")  # fmt: skip
        limit = float(robust_z(train, train).max())
        line(
            "robust z, training max", judge(begins_of_rule(robust_z(train, test), limit), spans, GRACE), days
        )
        line("robust z > 5", judge(begins_of_rule(robust_z(train, test), 5.0), spans, GRACE), days)


if __name__ == "__main__":
    main()
