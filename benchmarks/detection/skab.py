"""SKAB by its published protocol: the monitor as ``streamgauge backtest`` runs it, beside the published leaders.

usage: python benchmarks/detection/skab.py DATA_DIR

DATA_DIR holds SKAB's folders (valve1, valve2, other; whichever are there are run) and anomaly-free.csv, or a folder
skab with them. The first 400 rows of each experiment are the reference, the rest is scored in one causal pass, with
the same defaults for every file. Outliers are judged row by row, pooled over experiments; changepoints by the NAB
score (standard profile) with a window of 60 s after each true changepoint.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from producers.sources import Columns
from stream_app.backtest import Backtest, Figures, InputRows, SourcePart, SourceTally, measure
from stream_app.cli.backtest.files import InputFile, open_files
from stream_app.core.budget import Budget
from stream_app.monitors.sensors import EventScores, SensorConfig

WARMUP = 400
LEADERS = (
    ("Conv-AE (published)", 0.78, 13.6, 28.0, None),
    ("MSET (published)", 0.78, 39.7, 14.1, None),
    ("T2+Q of a PCA (published)", 0.76, 26.6, 24.9, 25.4),
    ("MSCRED (published)", None, None, None, 32.4),
    ("isolation forest (published)", None, None, None, 26.2),
)
BUDGETS = ("1 per 1000 events", "1 per 10000 events", "1 per 100000 events", "1 per day")


def monitor(files: Iterable[InputFile], config: SensorConfig) -> Backtest:
    """Run the monitor over files, each of them from a fresh start."""
    backtest = Backtest(config)
    for file in files:
        backtest.forget()
        for rows, _ in file.blocks():
            backtest.update(rows)
    return backtest


def ten_lines(rows: InputRows, weight: float = 0.05, factor: float = 10.0) -> EventScores:
    """Threshold a smoothed Mahalanobis distance by its reference; its turns are its changepoints."""
    x = rows.values[:WARMUP]
    z = (rows.values - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)
    smooth = lfilter([weight], [1, weight - 1], z, axis=0)
    inverse = np.linalg.pinv(np.cov(smooth[20:WARMUP].T))
    distance = np.einsum("ij,jk,ik->i", smooth, inverse, smooth)
    alarm = distance > factor * distance[20:WARMUP].max()
    return EventScores(distance, alarm, np.diff(alarm, prepend=False), np.zeros(len(alarm), dtype=bool))


def peer(files: Iterable[InputFile], method: Callable[[InputRows], EventScores]) -> Figures:
    """Score a method that is given each experiment whole, as the monitor is scored."""
    tallies = []
    for file in files:
        for rows, _ in file.blocks():
            if len(rows) <= WARMUP:
                sys.exit(f"{file.path}: {len(rows)} rows; an experiment of more than {WARMUP} is expected")
            tally = SourceTally(WARMUP)
            tally.update(
                SourcePart(
                    rows.names[0],
                    rows.ts,
                    rows.channels,
                    rows.values,
                    method(rows),
                    [],
                    [],
                    rows.anomaly,
                    rows.changepoint,
                )
            )
            tallies.append(tally)
    return measure(tallies)


def show(name: str, f1: float | None, far: float | None, mar: float | None, nab: float | None) -> None:
    forms = ((f1, ".4f"), (far, ".2f"), (mar, ".2f"), (nab, ".2f"))
    print(
        f"{name:36}" + "".join(f"{'' if v is None else format(v, form):>9}" for v, form in forms), flush=True
    )


def show_figures(name: str, figures: Figures) -> None:
    said, nab = figures.anomalies, figures.changepoints
    show(
        name,
        said.f1,
        100 * said.false_alarm_rate,
        None if said.missed_alarm_rate is None else 100 * said.missed_alarm_rate,
        nab["standard"].percent if nab else None,
    )


def show_normal(file: InputFile) -> None:
    """Print what the monitor raises on the testbed in normal mode."""
    print(
        f"\n{'A/A, anomaly-free.csv':36}{'events':>9}{'allowed':>9}{'alerts within the budget, by kind':>38}"
    )
    for budget in BUDGETS:
        backtest = monitor([file], SensorConfig(warmup=WARMUP, budget=budget))
        figures = backtest.figures()
        allowed = allowed_alarms(budget, figures.scored)
        spent = {kind: count for kind, count in figures.alerts.items() if kind != "quality"}
        told = ", ".join(f"{count} {kind}" for kind, count in spent.items()) or "none"
        print(f"  {budget:34}{figures.scored:>9,}{allowed:>9.2f}{told:>38}", flush=True)


def allowed_alarms(budget: str, events: int) -> float:
    """Return the false alarms that a budget allows over rows a second apart."""
    return Budget.parse(budget).allowed(events=events, seconds=float(events))


def main(root: Path) -> None:
    root = root / "skab" if (root / "skab").is_dir() else root
    groups = {
        folder.name: open_files([str(folder)], Columns())
        for folder in sorted(root.iterdir())
        if folder.is_dir() and any(folder.glob("*.csv")) and folder.name != "anomaly-free"
    }
    if not groups:
        sys.exit(f"{root}: no folder with CSV files; expected SKAB's valve1, valve2 or other")
    print(f"{'':36}{'F1':>9}{'FAR %':>9}{'MAR %':>9}{'NAB':>9}")
    for group, files in groups.items():
        backtest = monitor(files, SensorConfig(warmup=WARMUP))
        for name, figures in backtest.figures_by_source().items():
            show_figures(f"  {group}/{name}", figures)
        show_figures(f"streamgauge backtest, {group}", backtest.figures())
        show_figures(f"ten-line Mahalanobis, {group}", peer(files, ten_lines))
        delays, speed = backtest.figures().delays, backtest.rows / backtest.seconds
        print(
            f"  delay to the first mark: median {delays.median} s, 90 % {delays.p90} s, {delays.missed} of {delays.events} missed; "
            f"{backtest.figures().budgeted_false_alarms_per_100k:.1f} false alarms per 100,000 events; {speed:,.0f} events/s"
        )
    for leader in LEADERS:
        show(*leader)
    if (free := root / "anomaly-free.csv").exists():
        show_normal(open_files([str(free)], Columns())[0])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: skab.py DATA_DIR (the folder with skab, or with valve1 and the others)")
    main(Path(sys.argv[1]))
