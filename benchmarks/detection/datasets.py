"""The data sets of the benchmarks, each as a list of series: ``load("nab", data)``.

``data`` is the folder that holds ``skab``, ``nab``, ``smd``, ``cloud-monitoring`` and ``blind-spots``. Which rows
are for learning and which count follows each set's own protocol:

skab
    The experiments whose folders are there, 400 rows to learn from, the rest counts (Katser and Kozitsin 2020).
nab
    The files of ``windows.json``; rows of the probation, 15 % of the first 5,000, do not count (Lavin and Ahmad 2015).
smd
    The test part of each machine, all of it counts (Su et al. 2019). Opponents see the training part.
cloud
    Telemetry labelled by experts; the first 400 rows, or half of a shorter file, do not count.
blind-spots
    Made streams, each with one fault that any eye sees.
plants
    24 runs of the simulated water loop, 2,000 rows at 1 Hz with one fault each: six kinds, four seeds.
"""

import json
from pathlib import Path

import numpy as np
from series import Series, columns, numbers, runs, seconds

from producers.water_loop import CHANNELS, FAULT_NAMES, Fault, WaterLoop, simulate

__all__ = ["PLANT_ROWS", "SETS", "WARMUP", "load", "plant_faults"]

WARMUP = 400
PLANT_ROWS, PLANT_SEEDS = 2000, range(4)


def skab(data):
    found = []
    for path in sorted((data / "skab").glob("*/*.csv"), key=lambda path: (path.parent.name, int(path.stem))):
        table = columns(path, ";")
        truth, changepoint = (numbers(table.pop(name)) > 0.5 for name in ("anomaly", "changepoint"))
        ts = seconds(table.pop("datetime"))
        values = np.column_stack([numbers(column) for column in table.values()])
        name, spans = f"{path.parent.name}/{path.name}", runs(truth, WARMUP)
        found.append(Series(name, ts, values, truth, WARMUP, WARMUP, changepoint, None, spans))
    return found


def nab(data):
    found = []
    for name, windows in sorted(json.loads((data / "nab" / "windows.json").read_text()).items()):
        table = columns(data / "nab" / name)
        stamps = np.array([stamp[:19] for stamp in table["timestamp"]])
        truth, spans = np.zeros(len(stamps), dtype=bool), []
        for begin, end in windows:
            # A time that a clock repeats stands for all of its rows.
            inside = np.flatnonzero((stamps >= begin[:19]) & (stamps <= end[:19]))
            spans.append((int(inside[0]), int(inside[-1])))
            truth[inside[0] : inside[-1] + 1] = True
        probation = int(0.15 * min(len(stamps), 5000))
        values = numbers(table["value"])[:, None]
        found.append(Series(name, seconds(stamps), values, truth, WARMUP, probation, windows=spans))
    return found


def smd(data):
    found = []
    for path in sorted((data / "smd").glob("machine-*_test.csv.gz")):
        name = path.name.removesuffix("_test.csv.gz")
        test = {key: numbers(column) for key, column in columns(path).items()}
        training = columns(path.with_name(f"{name}_train.csv.gz"))
        truth = test.pop("label") > 0.5
        values = np.column_stack(list(test.values()))
        before = np.column_stack([numbers(training[key]) for key in test])
        ts = 1.7e9 + 60.0 * np.arange(len(values))
        found.append(Series(name, ts, values, truth, WARMUP, 0, None, before, runs(truth)))
    return found


def cloud(data):
    found = []
    for path in sorted((data / "cloud-monitoring").glob("*/*.csv")):
        table = columns(path)
        truth = numbers(table["Label"]) > 0.5
        first = min(WARMUP, len(truth) // 2)
        ts, values = seconds(table["TimeStamp"]), numbers(table["Value"])[:, None]
        name = f"{path.parent.name}/{path.name}"
        found.append(Series(name, ts, values, truth, WARMUP, first, windows=runs(truth, first)))
    return found


def blind_spots(data):
    found = []
    for path in sorted((data / "blind-spots").glob("*.csv.gz")):
        table = {key: numbers(column) for key, column in columns(path).items()}
        ts, truth = table.pop("time"), table.pop("anomaly") > 0.5
        name = path.name.removesuffix(".csv.gz")
        # `blind` is about an alarm that was adopted after a long warm-up.
        warmup = 5000 if name == "blind" else WARMUP
        values = np.column_stack(list(table.values()))
        found.append(Series(name, ts, values, truth, warmup, warmup, windows=runs(truth)))
    return found


def plant_faults():
    """Draw single faults: place, size, onset and sensor; return each with the seed of its plant."""
    for kind, name in enumerate(FAULT_NAMES):
        for seed in PLANT_SEEDS:
            rng = np.random.default_rng([kind, seed, 0xB7])
            duration = rng.uniform(300.0, 600.0)
            fault = Fault(
                name,
                start=float(rng.uniform(800.0, 1300.0)),
                duration=float(duration),
                magnitude=float(rng.uniform(0.8, 1.2)),
                onset="sudden" if rng.random() < 0.5 else "linear",
                rise=float(0.1 * duration),
                channel=CHANNELS[int(rng.integers(len(CHANNELS)))],
            )
            yield fault, [kind, seed]


def plants(data=None):
    """Simulate single faults; each run is another plant."""
    del data
    found = []
    for fault, seed in plant_faults():
        run = simulate(WaterLoop(), PLANT_ROWS, seed=seed, faults=[fault])
        where = f" {fault.channel}" if fault.name.startswith("sensor") else ""
        spans, label = runs(run.anomaly), f"{fault.name}{where} {seed[1]}"
        found.append(Series(label, run.ts, run.values, run.anomaly, WARMUP, WARMUP, windows=spans))
    return found


SETS = {
    "skab": skab,
    "nab": nab,
    "smd": smd,
    "cloud": cloud,
    "blind-spots": blind_spots,
    "plants": plants,
}


def load(name, data):
    """Return the series of a data set; an empty list where its files are not there."""
    return SETS[name](Path(data))
