"""SKAB by its published protocol: anomalies and changepoints of our detector beside the published leaders.

usage: python benchmarks/detection/skab.py DATA_DIR

DATA_DIR holds SKAB's folders (valve1, valve2, other; whichever are there are run) and anomaly-free.csv. The first
400 rows of each experiment are the reference, the rest is scored in one causal pass, with the same defaults for
every file. Outliers are judged row by row, pooled over experiments; changepoints by the NAB score with a window
of 60 s after each true changepoint.
"""

import csv
import math
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from stream_app.core.anomaly import AnomalyConfig, AnomalyDetector

WARMUP = 400
WINDOW = 60.0
LEADERS = [
    ("Conv-AE (published)", 0.78, 13.6, 28.0, None),
    ("MSET (published)", 0.78, 39.7, 14.1, None),
    ("T2+Q of a PCA (published)", 0.76, 26.6, 24.9, 25.4),
    ("MSCRED (published)", None, None, None, 32.4),
    ("isolation forest (published)", None, None, None, 26.2),
]


@dataclass
class Experiment:
    """One file: event times, channels and, where there are any, the true labels."""

    name: str
    ts: np.ndarray
    values: np.ndarray
    anomaly: np.ndarray
    changepoint: np.ndarray
    channels: tuple[str, ...]


@dataclass
class Tally:
    """Counts pooled over experiments, and the sums of the NAB score, its best and its worst."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))
    nab: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def add(self, e, anomaly, changepoint):
        """Count one experiment."""
        truth, found = e.anomaly[WARMUP:], anomaly[WARMUP:]
        for i in (0, 1):
            for j in (0, 1):
                self.counts[i, j] += np.sum((truth == i) & (found == j))
        self.nab += nab(e.ts[WARMUP:], e.changepoint[WARMUP:], changepoint[WARMUP:])
        return self

    def figures(self):
        """F1, false-alarm rate, missing-alarm rate (in percent) and NAB score."""
        (tn, fp), (fn, tp) = self.counts
        score, best, worst = self.nab
        f1 = 2 * tp / max(2 * tp + fp + fn, 1)
        return (
            f1,
            100 * fp / max(fp + tn, 1),
            100 * fn / max(fn + tp, 1),
            100 * (score - worst) / (best - worst),
        )


def nab(ts, truth, found, hit=1.0, false=-0.11, miss=-1.0):
    """NAB score (standard profile) of one experiment, and what perfect and silent detectors would get."""
    starts = ts[truth]
    # A window that would begin inside the one before begins where that one ends.
    ends = starts + WINDOW
    begins = np.array([max([s, *[e for e in ends[:i] if e >= s][-1:]]) for i, s in enumerate(starts)])
    alarms, used, score = ts[found], np.zeros(int(found.sum()), dtype=bool), 0.0
    for begin, end in zip(begins, ends, strict=True):
        inside = (alarms >= begin) & (alarms <= end)
        if inside.any():
            late = (alarms[inside].min() - begin) / (end - begin) if end > begin else 0.0
            x = math.pi * (min(int(late * 1000), 999) / 999 - 0.5)
            score += (hit - false) / 2 * (1 - math.tanh(x) / math.tanh(math.pi / 2)) + false
        else:
            score += miss
        used |= inside
    return np.array([score + false * np.sum(~used), hit * len(starts), miss * len(starts)])


def read(path):
    with path.open() as file:
        rows = list(csv.reader(file, delimiter=";"))
    header, rows = rows[0], rows[1:]
    ts = np.array([datetime.fromisoformat(row[0]).timestamp() for row in rows])
    table = np.array([[float(cell) for cell in row[1:]] for row in rows])
    columns = [i for i, name in enumerate(header[1:]) if name not in ("anomaly", "changepoint")]
    labels = {
        name: table[:, header.index(name) - 1] > 0 for name in ("anomaly", "changepoint") if name in header
    }
    none = np.zeros(len(rows), dtype=bool)
    return Experiment(
        path.stem,
        ts,
        table[:, columns],
        labels.get("anomaly", none),
        labels.get("changepoint", none),
        tuple(header[1:][i] for i in columns),
    )


def ours(e, config=None):
    result = AnomalyDetector(e.channels, config or AnomalyConfig(warmup=WARMUP)).update(e.ts, e.values)
    return result.anomaly, result.changepoint


def ten_lines(e, weight=0.05, factor=10.0):
    """Threshold a smoothed Mahalanobis distance by its reference; its turns are its changepoints."""
    x = e.values[:WARMUP]
    z = (e.values - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    smooth = lfilter([weight], [1, weight - 1], z, axis=0)
    inverse = np.linalg.pinv(np.cov(smooth[20:WARMUP].T))
    distance = np.einsum("ij,jk,ik->i", smooth, inverse, smooth)
    alarm = distance > factor * distance[20:WARMUP].max()
    return alarm, np.concatenate(([False], alarm[1:] != alarm[:-1]))


def episodes(flags):
    return int(np.sum(flags[1:] & ~flags[:-1]) + flags[0])


def show(name, f1, far, mar, score):
    cells = [
        "" if v is None else f"{v:{form}}"
        for v, form in ((f1, ".3f"), (far, ".1f"), (mar, ".1f"), (score, ".1f"))
    ]
    print(f"{name:34} {cells[0]:>6} {cells[1]:>6} {cells[2]:>6} {cells[3]:>6}")


def by_number(path):
    return (len(path.stem), path.stem)


def main(root):
    groups = {p.name: sorted(p.glob("*.csv"), key=by_number) for p in sorted(root.iterdir()) if p.is_dir()}
    groups = {
        name: [read(f) for f in files] for name, files in groups.items() if files and name != "anomaly-free"
    }
    if not groups:
        sys.exit(f"{root}: no folder with CSV files; expected SKAB's valve1, valve2 or other")
    print(f"{'':34} {'F1':>6} {'FAR %':>6} {'MAR %':>6} {'NAB':>6}")
    run("streamgauge", ours, groups, each=True)
    run("ten-line Mahalanobis", ten_lines, groups)
    for leader in LEADERS:
        show(*leader)
    free = root / "anomaly-free.csv"
    if free.exists():
        show_normal(read(free))


def run(name, method, groups, *, each=False):
    whole = Tally()
    for group, experiments in groups.items():
        tally = Tally()
        for e in experiments:
            found = method(e)
            tally.add(e, *found)
            whole.add(e, *found)
            if each:
                show(f"  {group}/{e.name}", *Tally().add(e, *found).figures())
        show(f"{name}, {group}", *tally.figures())
    if len(groups) > 1:
        show(f"{name}, all", *whole.figures())


def show_normal(e):
    print(f"\n{'A/A, anomaly-free.csv':34} {'events':>7} {'budget':>7} {'alarms':>7} {'changepoints':>13}")
    for rate in (1e-3, 1e-4, 1e-5):
        for warmup in (400, 2000):
            config = AnomalyConfig(
                warmup=warmup, false_alarms_per_event=rate, false_changepoints_per_event=rate
            )
            anomaly, changepoint = ours(e, config)
            n = len(e.ts) - warmup
            name = f"  rate {rate:g} an event, warm-up {warmup}"
            print(f"{name:34} {n:7} {rate * n:7.2f} {episodes(anomaly):7} {int(changepoint.sum()):13}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: skab.py DATA_DIR (the folder with valve1 and the others)")
    main(Path(sys.argv[1]))
