"""False alarms where nothing happens: the monitor at three budgets a decade apart, beside others at their defaults.

usage: python benchmarks/detection/aa.py DATA_DIR [--rows N] [--alone]

The monitor is the whole one, as a worker runs it: alerts of anomaly and drift spend the budget. Those about data quality
have none, and changepoints one of their own; both stand beside. A stream's first events, from which it
learns, count as events. A budget is kept where the alarms are no more than chance explains: the 99 % quantile of
Poisson's distribution at the budget's rate. Ends with 1 where one is broken.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from healthy import HEALTHY, load_healthy
from judging import aa
from opponents import OPPONENTS, reference
from ours import monitored
from river.drift import ADWIN, PageHinkley
from scipy.stats import ks_2samp
from scoring import Verdict, episodes
from series import Series
from tables import show

WINDOW = 500
LIMITS = {"robust z": 3.5, "EW z": 3.0, "PCA T2+Q": 1.0}
"""Textbook limits: Iglewicz and Hoaglin's, Roberts's, and the 99 % quantile of the reference."""


def river(make: Callable[[], ADWIN | PageHinkley]) -> Callable[[Series], int]:
    """Return a count of the alarms of a River detector on each channel, standardised by its first rows."""

    def count(series: Series) -> int:
        rows = reference(series)
        spread = rows.std(axis=0)
        scaled = (series.values - rows.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
        alarms = 0
        for channel in scaled.T:
            detector = make()
            for value in channel.tolist():
                detector.update(value)
                alarms += detector.drift_detected
        return alarms

    return count


def windows(series: Series) -> int:
    """Count windows that a two-sample KS at the 5 % level calls different from the first rows."""
    return sum(
        ks_2samp(channel[: series.warmup], channel[i : i + WINDOW], method="asymp").pvalue < 0.05
        for channel in series.values.T
        for i in range(series.warmup, len(channel) - WINDOW + 1, WINDOW)
    )


def episodes_over(name: str) -> Callable[[Series], int]:
    """Return a count of the episodes in which a score lies over its textbook limit, ten rows below it between two."""
    return lambda series: len(episodes(OPPONENTS[name](series), LIMITS[name]))


OTHERS: dict[str, Callable[[Series], int]] = {
    **{f"{name} over {limit:g}": episodes_over(name) for name, limit in LIMITS.items()},
    "River's ADWIN": river(ADWIN),
    "River's PageHinkley": river(PageHinkley),
    f"KS at 0.05 on windows of {WINDOW}": windows,
}


def first_rows(series: list[Series], most: int | None) -> list[Series]:
    """Return the beginning of each series, so that all have so many rows together at most."""
    if most is None:
        return series
    each = max(most // len(series), 1)
    return [
        replace(one, ts=one.ts[:each], values=one.values[:each], truth=one.truth[:each]) for one in series
    ]


def report(name: str, data: Path, most: int | None, *, others: bool) -> int:
    """Print the table of one data set; return how many budgets are broken."""
    try:
        series = first_rows(load_healthy(name, data), most)
    except FileNotFoundError as error:
        print(f"\nskipped {name}: {error.filename or error} is not there")
        return 0
    if not series:
        print(f"\nskipped {name}: its files are not in {data}")
        return 0
    beside: dict[str, Counter[str]] = {}

    def counted(one: Series, budget: str) -> Verdict:
        verdict = monitored(one, budget)
        beside.setdefault(budget, Counter()).update(verdict.other)
        return verdict

    rows, channels = sum(map(len, series)), series[0].values.shape[1]
    broken = show(
        f"{name}: {len(series)} stream(s), {rows:,} events of {channels} channels", aa(series, counted)
    )
    told = [f"{budget}: {dict(count)}" for budget, count in beside.items() if count]
    print(f"  alerts of other kinds: {'; '.join(told) or 'none'}")
    for other, count in OTHERS.items() if others else ():
        alarms = sum(map(count, series))
        print(f"  {other:<38}{alarms:>10,}  {alarms / rows * 1e5:,.0f} per 100,000 events", flush=True)
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, help="take so many events of each set at most")
    parser.add_argument("--alone", action="store_true", help="without the others")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
    broken = sum(report(name, asked.data, asked.rows, others=not asked.alone) for name in HEALTHY)
    print(f"\n{broken} budgets broken" if broken else "\nall budgets kept")
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
