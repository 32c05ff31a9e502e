"""The supervised baseline and the monitor on the Skoltech Anomaly Benchmark, and where each is weak.

python benchmarks/loop/skab.py DATA    (the folder with skab/)

`examples/anomaly_baseline.py` is the experiment; here it is run over all experiments. *By experiment*: each is judged by
LightGBM that learned from all others, the later ones among them. *In time*: learned from the first ones, judged on the
rest; several splits, without targets, say how much the split matters. The monitor sees no labels; figures are those of
its marks on the same rows. Targets are the best published figures without labels (Conv-AE); `make bench-detection`
holds the monitor against sharper ones. Slices are searched over intervals of the sensors' means of a minute; intervals
allow for rows that come in runs. Ends with 1 where a target is missed.
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / "detection"), str(ROOT / "examples")]

from anomaly_baseline import (  # noqa: E402
    LAG,
    by_slice,
    monitored,
    read,
    rows_of,
    show,
    standardised,
    train,
    weak_slices,
)
from judging import Figure  # noqa: E402
from scoring import best_f1  # noqa: E402
from tables import show as show_targets  # noqa: E402

from stream_app.core.slices import detection_rates  # noqa: E402

F1, FALSE_ALARMS = 0.78, 13.6
"""Of Conv-AE, published over all 34 experiments."""

SPLITS = (8, 10, 12)


def answers(learned, judged):
    """Return the probability of an anomaly of each row, by LightGBM that learned from other experiments."""
    model, scale = train(learned)
    return model.predict_proba(standardised(rows_of(judged)[0], scale))[:, 1]


def figures(name, truth, marked, f1=None, false_alarms=None):
    """Return the benchmark's figures with their intervals, and with targets where some are given."""
    rates = detection_rates(truth, marked, lag=LAG)
    return [
        Figure(
            f"{name} F1", rates.f1.value, at_least=f1, detail=f"[{rates.f1.low:.3f}, {rates.f1.high:.3f}]"
        ),
        Figure(
            f"{name} FAR %",
            100.0 * rates.false_alarms.value,
            at_most=false_alarms,
            detail=f"[{100 * rates.false_alarms.low:.1f}, {100 * rates.false_alarms.high:.1f}]",
        ),
        Figure(f"{name} MAR %", 100.0 - 100.0 * rates.recall.value),
    ]


def show_in_time(experiments, marks, split):
    """Judge both on the experiments after a split."""
    later = experiments[split:]
    truth = rows_of(later)[1]
    lines = figures("LightGBM", truth, answers(experiments[:split], later) > 0.5)
    lines += figures("Streamgauge", truth, marks[-len(truth) :])
    show_targets(
        f"in time: learned from {split} experiments, judged on {len(later)}, {len(truth):,} rows", lines
    )


def main():
    begin = perf_counter()
    folder = Path(sys.argv[1]) / "skab" / "valve1"
    if not folder.is_dir():
        print(f"skipped SKAB: {folder} is not there")
        return
    found = [read(path) for path in folder.glob("*.csv")]
    features = found[0][1]
    experiments = sorted((one for one, _ in found), key=lambda one: one.ts[0])
    windows, truth = rows_of(experiments)
    marks = monitored(experiments)

    probability = np.concatenate(
        [answers([other for other in experiments if other is not one], [one]) for one in experiments]
    )
    both = {"LightGBM": probability > 0.5, "Streamgauge": marks}
    missed = show_targets(
        f"by experiment: {len(experiments)} experiments, {len(truth):,} rows",
        [line for name, said in both.items() for line in figures(name, truth, said, F1, FALSE_ALARMS)],
    )
    print(f"  best F1 of LightGBM's probability at any one threshold: {best_f1(truth, probability)[0]:.3f}")
    for split in SPLITS:
        show_in_time(experiments, marks, split)

    for name, said in both.items():
        print(f"\nwhere {name} is weak, by experiment")
        slices = weak_slices(windows, features, truth, said)
        for other, theirs in both.items():
            show(other, by_slice(truth, theirs, slices))
    print(f"\n{missed} of the targets missed" if missed else "\nall targets kept")
    print(f"{perf_counter() - begin:.0f} s")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
