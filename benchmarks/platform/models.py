"""Clusterings and classifiers of a platform's windows, side by side, beside the detector.

Usage: ``python benchmarks/platform/models.py DATA [--days 21] [--seed 1] [--pictures build]``. Data: the simulated platform
with two incidents a day, and the machines of ``DATA/smd``, whose training part the detector sees before.

Every window becomes a row of features from the detector's deviations. Models learn from the first 60 % of the windows and
are measured on the others: clusterings and the detector without labels, classifiers with those of the first part. Rows of the
detector are windows in which it had an incident open, of which it keeps some after the end of a true one.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from producers.platform_simulator import SimulatedPlatform, draw_changes, draw_incidents, simulate
from stream_app.backtesting.platform import compare_models
from stream_app.backtesting.platform.picture import plot_models
from stream_app.backtesting.platform.show import MODEL_HEADINGS, comparison_notes, model_rows
from stream_app.core.platform import Series
from stream_app.core.platform.detector import PlatformDetector
from stream_app.core.platform.window_features import window_features

WINDOW = 60.0
PER_WEEK = 1.0 / 604_800.0
INCIDENTS_A_DAY = 2


@dataclass
class Judged:
    """What the detector says of windows: features, truth, and whether an incident was open."""

    features: np.ndarray
    truth: np.ndarray
    open: np.ndarray


def judged(series, ends, values, truth, skip):
    """Run the detector; the first `skip` windows are not kept."""
    detector = PlatformDetector(window=WINDOW, budget_per_second=PER_WEEK)
    features, opened = [], []
    for end, row in zip(ends.tolist(), values, strict=True):
        result = detector.update(end, series, row)
        features.append(window_features(series, result.deviations))
        opened.append(result.open)
    return Judged(np.array(features)[skip:], truth[skip:], np.array(opened)[skip:])


def simulated(days, seed):
    platform = SimulatedPlatform()
    span = days * 86_400.0
    incidents = draw_incidents(int(INCIDENTS_A_DAY * days), span, seed)
    block = simulate(platform, days, seed, incidents, draw_changes(span, seed))
    series = [Series(*column) for column in block.series]
    return judged(series, block.ends, block.values, block.incident >= 0, 1440)


def machine(data, name):
    train, test = (
        np.genfromtxt(data / "smd" / f"{name}_{part}.csv.gz", delimiter=",", names=True)
        for part in ("train", "test")
    )
    metrics = [metric for metric in test.dtype.names if metric != "label"]
    series = [Series(name, metric, _group(metric)) for metric in metrics]
    values = np.concatenate([np.column_stack([part[metric] for metric in metrics]) for part in (train, test)])
    truth = np.concatenate([np.zeros(len(train), dtype=bool), test["label"] > 0.5])
    ends = WINDOW * (1.0 + np.arange(len(values)))
    return judged(series, ends, values, truth, len(train))


def _group(metric):
    for start, group in (
        ("cpu", "cpu"),
        ("load", "cpu"),
        ("mem", "memory"),
        ("total_mem", "memory"),
        ("s", "memory"),
    ):
        if metric.startswith(start) and (start != "s" or metric in {"si", "so"}):
            return group
    return "disk" if metric.startswith("disk") else "network"


def show(title, found, seed, pictures):
    begin = perf_counter()
    comparison = compare_models(found.features, found.truth, seed=seed, detector=found.open)
    print(f"\n## {title}\n\n" + " ".join(comparison_notes(comparison)) + "\n")
    rows = [MODEL_HEADINGS, *model_rows(comparison)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(MODEL_HEADINGS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    path = pictures / f"models-{title.replace(' ', '-')}.png"
    plot_models(comparison, path, title)
    print(f"\n{path}; {perf_counter() - begin:.0f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--days", type=float, default=21.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=Path, default=Path("build"))
    given = parser.parse_args()
    given.pictures.mkdir(parents=True, exist_ok=True)
    show("simulated platform", simulated(given.days, given.seed), given.seed, given.pictures)
    for path in sorted((given.data / "smd").glob("*_test.csv.gz")):
        name = path.name.removesuffix("_test.csv.gz")
        show(f"smd {name}", machine(given.data, name), given.seed, given.pictures)


if __name__ == "__main__":
    main()
