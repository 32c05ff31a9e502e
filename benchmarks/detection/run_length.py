"""Run lengths of the drift detector without a change: where its calibrated thresholds come from.

Usage: ``python benchmarks/detection/run_length.py``. Only ranks enter, so normal events stand for every
continuous distribution. A ratio of one means that the whole rate is spent; the detector aims at two (it spends half).
"""

import numpy as np

from stream_app.core.drift import DriftConfig, DriftDetector

BATCH = 20_000


def measure(channels: int, rate: float, events: int, warmup: int) -> None:
    rng = np.random.default_rng(0)
    names = [str(j) for j in range(channels)]
    detector = DriftDetector(names, DriftConfig(false_alarm_rate=rate, warmup=warmup))
    rows: list[int] = []
    watched = 0
    for begin in range(0, events, BATCH):
        result = detector.update(np.arange(float(BATCH)), rng.normal(size=(BATCH, channels)))
        rows += [begin + signal.row for signal in result.signals]
        watched += int((result.statistic > 0.0).sum())
    runs = np.diff([0, *rows])
    early = np.quantile(runs, 0.1) if len(runs) else float("nan")
    ratio = watched / max(len(rows), 1) * rate
    print(
        f"{channels:>8}{rate:>10.0e}{warmup:>9}{events:>12,}{len(rows):>8}{ratio:>11.2f}{early:>12.0f}",
        flush=True,
    )


def main() -> None:
    print(
        f"{'channels':>8}{'rate':>10}{'warm-up':>9}{'events':>12}{'alarms':>8}{'run*rate':>11}{'1 in 10 by':>12}"
    )
    measure(1, 1e-3, 600_000, 1000)
    measure(1, 1e-4, 3_000_000, 1000)
    measure(1, 1e-4, 1_000_000, 400)
    measure(2, 1e-3, 600_000, 1000)
    measure(8, 1e-3, 1_000_000, 1000)
    measure(8, 1e-4, 3_000_000, 1000)


if __name__ == "__main__":
    main()
