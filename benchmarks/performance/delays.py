"""How soon a drop of accuracy is told, how often none is, and River's detectors on the same kind of errors.

python benchmarks/performance/delays.py
"""

import math

import numpy as np

from stream_app.core.river_adapter import RiverDetector
from stream_app.events import PredictionRow
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.settings import PredictionStream

RUNS = 30
BEFORE, AFTER = 1000, 4000
RIVER = ("adwin", "ddm", "eddm", "hddm_a", "hddm_w")


def delay_of(right: np.ndarray) -> float:
    """Labelled predictions from the drop to the alert; infinite where there is none."""
    rows = [
        PredictionRow("m", float(i), str(i), prediction="yes", label="yes" if ok else "no")
        for i, ok in enumerate(right)
    ]
    monitor = PredictionMonitor(PredictionStream(slices=False, detectors=()))
    times = [row.ts for row in rows]
    told = monitor.update("m", Arrivals(rows, list(range(len(rows))), times)).alerts
    return next((one.offset - BEFORE for one in told if one.detector == "accuracy"), math.inf)


def drops() -> None:
    print(f"{'from':>6}{'drop':>6}{'told':>7}{'median':>8}{'90 %':>8}")
    rng = np.random.default_rng(5)
    for base in (0.95, 0.97, 0.85):
        for drop in (0.05, 0.08, 0.1, 0.15, 0.25, 0.5):
            levels = np.repeat([base, base - drop], [BEFORE, AFTER])
            delays = np.sort([delay_of(rng.random(len(levels)) < levels) for _ in range(RUNS)])
            told = np.isfinite(delays).mean()
            middle, late = delays[RUNS // 2], delays[math.ceil(0.9 * RUNS) - 1]
            print(f"{base:>6}{drop:>6}{told:>7.0%}{middle:>8.0f}{late:>8.0f}")


def rises(name: str, wrong: np.ndarray) -> list[int]:
    """Where a River detector finds rising errors."""
    found = RiverDetector(["*"], name).update(np.arange(float(len(wrong))), wrong.astype(float)[:, None])
    figures = [(one.row, dict(one.context)) for one in found if one.detector == name]
    return [row for row, one in figures if one.get("mean_after", 1.0) > one.get("mean_before", 0.0)]


def river() -> None:
    print(f"{'':8}{'errors':>7}{'false in 100,000':>18}{'median delay at +0.15':>23}")
    rng = np.random.default_rng(0)
    for rate in (0.03, 0.1, 0.3):
        steady = rng.random(200_000) < rate
        for name in RIVER:
            levels = np.repeat([rate, rate + 0.15], [2000, 1000])
            delays = []
            for _ in range(20):
                after = [row - 2000 for row in rises(name, rng.random(3000) < levels) if row >= 2000]
                delays.append(after[0] if after else math.inf)
            print(f"{name:8}{rate:>7}{len(rises(name, steady)) / 2:>18.1f}{np.median(delays):>23.0f}")


if __name__ == "__main__":
    drops()
    river()
