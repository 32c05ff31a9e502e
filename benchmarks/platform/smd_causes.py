"""Rank the metrics that explain the anomalies of the Server Machine Dataset, beside robust z.

usage: python benchmarks/platform/smd_causes.py DATA_DIR

DATA_DIR holds smd/ of the data folder: machines with 38 metrics a minute, `label`ed anomalies and the metrics that explain each of
them. The detector reads the normal days and then the test days; the metrics of each anomaly are ranked by the evidence of its
windows against the four hours before. Robust z is the mean distance from the median of the normal days in MADs. The hit rate at P % is the share of
the true metrics among the first P % of their number (Su et al. 2019); at top 5 the share of the first five that are true, of as many
as can be.
"""

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.detector import PlatformDetector
from stream_app.core.platform.series import Episode, Series, WindowResult
from stream_app.core.platform.symptoms import evidence, since, worsening

WINDOW = 60.0
BUDGET = 1.0 / 604_800.0
BEFORE = 240
MEASURES = ("top 5", "100 %", "150 %")


def read(path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the metrics of a file and their names."""
    with gzip.open(path, "rt") as file:
        head = file.readline().strip().split(",")
        rows = np.loadtxt(file, delimiter=",", ndmin=2)
    kept = [i for i, name in enumerate(head) if name != "label"]
    return rows[:, kept], tuple(head[i] for i in kept)


def read_truth(path: Path) -> list[tuple[int, int, frozenset[int]]]:
    """Return first and last row and the metrics, from 0, of each anomaly."""
    truth = []
    for line in path.read_text().split():
        rows, metrics = line.split(":")
        first, last = rows.split("-")
        truth.append((int(first), int(last), frozenset(int(metric) - 1 for metric in metrics.split(","))))
    return truth


def by_evidence(windows: Episode) -> list[int]:
    """Rank the series of an episode by their strength, equal ones by their mean normal score."""
    strength = evidence(windows).strength
    scores = np.nan_to_num(worsening(windows)[since(windows)]).mean(axis=0)
    return np.lexsort((-scores, -strength)).tolist()


def hits(ranked: Sequence[int], truth: frozenset[int]) -> tuple[float, float, float]:
    """Return the hit rates of a ranking."""
    found = [len(truth.intersection(ranked[:count])) for count in (5, len(truth), int(1.5 * len(truth)))]
    return found[0] / min(5, len(truth)), found[1] / len(truth), found[2] / len(truth)


def judge(directory: Path, machine: str) -> dict[str, list[tuple[float, float, float]]]:
    """Return the hit rates of each anomaly of a machine by method."""
    normal, names = read(directory / f"{machine}_train.csv.gz")
    test, _ = read(directory / f"{machine}_test.csv.gz")
    series = tuple(Series(machine, name, "other") for name in names)
    detector = PlatformDetector(window=WINDOW, budget_per_second=BUDGET)
    results: list[WindowResult] = []
    for i, row in enumerate(np.vstack([normal, test])):
        result = detector.update((i + 1) * WINDOW, series, row)
        if i >= len(normal):
            results.append(result)
    middle = np.median(normal, axis=0)
    spread = 1.4826 * np.median(np.abs(normal - middle), axis=0)
    z = np.abs(test - middle) / np.maximum(spread, 1e-3)
    rates: dict[str, list[tuple[float, float, float]]] = {"causes": [], "robust z": []}
    for first, last, truth in read_truth(directory / "interpretation_label" / f"{machine}.txt"):
        rows = range(max(first - BEFORE, 0), min(last, len(test) - 1) + 1)
        windows = Episode(
            WINDOW * (1.0 + np.array(rows)),
            test[rows],
            np.array([results[i].deviations for i in rows]),
            results[rows[-1]].usual_low,
            results[rows[-1]].usual_high,
            series,
            WINDOW * first,
        )
        rates["causes"].append(hits(by_evidence(windows), truth))
        rates["robust z"].append(
            hits(np.argsort(-z[first : last + 1].mean(axis=0), kind="stable").tolist(), truth)
        )
    return rates


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="DATA_DIR")
    directory = parser.parse_args().directory / "smd"
    pooled: dict[str, list[tuple[float, float, float]]] = {}
    print(
        f"{'hit rate':14}{'anomalies':>10}{'method':>12}" + "".join(f"{measure:>9}" for measure in MEASURES)
    )
    for path in sorted((directory / "interpretation_label").glob("*.txt")):
        for method, rates in judge(directory, path.stem).items():
            pooled.setdefault(method, []).extend(rates)
            show(path.stem, method, rates)
    for method, rates in pooled.items():
        show("all", method, rates)
    return 0


def show(name: str, method: str, rates: Sequence[tuple[float, float, float]]) -> None:
    """Print the mean hit rates."""
    means = np.mean(rates, axis=0)
    print(f"{name:14}{len(rates):>10}{method:>12}" + "".join(f"{mean:>9.2f}" for mean in means), flush=True)


if __name__ == "__main__":
    sys.exit(main())
