"""The platform's detector on simulated days with incidents of eight kinds, beside half-space trees and a z-score rule.

usage: python benchmarks/platform/simulated.py [--days 100] [--incidents 200] [--seeds 1] [--loads office] [--alone]
       python benchmarks/platform/simulated.py --quiet --days 70 --seeds 1,2 --loads office,flat

One causal pass with defaults, budget "1 per week". An incident is told where one begins between its start and 15 minutes after its end; others are false. Both
opponents get the limit that has as many false alarms as the budget allows over the same days, in hindsight. With ``--quiet`` nothing
happens but deployments, and false alarms are compared with the budget. Ends with 1 where a target is missed.
"""

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
from judging import Told, begins_of_rule, judge
from river.anomaly import HalfSpaceTrees
from scipy.stats import poisson

from producers.platform_simulator import (
    INCIDENT_NAMES,
    Block,
    SimulatedPlatform,
    blocks,
    draw_changes,
    draw_incidents,
)
from stream_app.core.platform import PlatformDetector, Series

DAY, WEEK = 86_400.0, 7 * 86_400.0
GRACE = 900.0
WARM = 1440


class Rules:
    """A z-score rule on the newest day, and River's half-space trees on ranges of the first day."""

    def __init__(self) -> None:
        self.first: list[np.ndarray] = []
        self.trees = HalfSpaceTrees(n_trees=10, height=8, window_size=240, seed=1)
        self.z: list[float] = []
        self.t: list[float] = []

    def update(self, values: np.ndarray) -> None:
        """Score a window."""
        if len(self.first) < WARM:
            self.first.append(values)
            if len(self.first) == WARM:
                rows = np.array(self.first)
                self.mean, self.square = np.nanmean(rows, axis=0), np.nanvar(rows, axis=0)
                self.low, self.high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
            self.z.append(0.0)
            self.t.append(0.0)
            return
        spread = np.sqrt(self.square)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(spread > 0.0, (values - self.mean) / spread, 0.0)
            scaled = np.where(self.high > self.low, (values - self.low) / (self.high - self.low), 0.5)
        self.z.append(float(np.nanmax(np.abs(z))))
        change = np.nan_to_num(values - self.mean)
        self.mean = self.mean + change / WARM
        self.square = self.square + (change**2 - self.square) / WARM
        x = dict(enumerate(np.clip(np.nan_to_num(scaled, nan=0.5), 0.0, 1.0).tolist()))
        self.t.append(self.trees.score_one(x))
        self.trees.learn_one(x)


def within_budget(score: list[float], spans: list[tuple[float, float]], step: float) -> Told:
    """Judge a rule at the lowest limit that keeps the budget, known afterwards."""
    scores = np.array(score)
    allowed = len(scores) * step / WEEK
    best = judge([], spans, GRACE)
    for limit in np.quantile(scores, 1.0 - np.geomspace(2e-1, 1e-5, 60)):
        told = judge([step * (row + 1) for row in begins_of_rule(scores, limit)], spans, GRACE)
        if len(told.false) <= allowed and told.recall > best.recall:
            best = told
    return best


def windows(
    args: argparse.Namespace, seed: int, load: str
) -> tuple[SimulatedPlatform, tuple, Iterator[Block]]:
    platform = SimulatedPlatform(load=load)
    span = args.days * DAY
    incidents = () if args.quiet else draw_incidents(args.incidents, span, seed, workers=platform.workers)
    changes = draw_changes(span, seed, start=platform.start)
    return (
        platform,
        incidents,
        blocks(platform, seed, incidents, changes, windows=round(span / platform.step)),
    )


def run(args: argparse.Namespace, seed: int, load: str) -> int:
    """Print a table; return how many targets are missed."""
    platform, incidents, parts = windows(args, seed, load)
    detector = PlatformDetector(window=platform.step, budget_per_second=1.0 / WEEK)
    rules = None if args.alone or args.quiet else Rules()
    series: tuple[Series, ...] = ()
    begins, spent, rows = [], 0.0, 0
    for block in parts:
        series = series or tuple(Series(*column) for column in block.series)
        for end, values in zip(block.ends, block.values, strict=True):
            began = time.process_time()
            if detector.update(float(end), series, values).began:
                begins.append(float(end) - platform.start)
            spent += time.process_time() - began
            rows += 1
            if rules is not None:
                rules.update(values)
    spans = [(one.start, one.end) for one in incidents]
    told = judge(begins, spans, GRACE)
    print(
        f"\n{load}, seed {seed}: {rows / 1440:.0f} days, {len(series)} series, {1e6 * spent / rows:.0f} us a window"
    )
    if args.quiet:
        most = int(poisson.ppf(0.999, rows * platform.step / WEEK))
        print(
            f"  {len(told.false)} false alarms, {rows * platform.step / WEEK:.1f} allowed on average (at most {most})"
        )
        return int(len(told.false) > most)
    for name in INCIDENT_NAMES:
        mine = [delay for delay, one in zip(told.delays, incidents, strict=True) if one.name == name]
        known = [delay / 60.0 for delay in mine if delay is not None]
        middle = f"{np.median(known):.0f} min" if known else "-"
        print(f"  {name:<18}{len(known):>4} of {len(mine):<4}{middle:>9}")
    _line("platform detector", told)
    if rules is not None:
        _line("z score (hindsight)", within_budget(rules.z, spans, platform.step))
        _line("half-space trees (h.)", within_budget(rules.t, spans, platform.step))
    missed = (told.recall < 0.95, told.precision < 0.9, not told.median_delay <= 180.0)
    print(
        "  targets: recall >= 0.95, precision >= 0.9, median delay <= 3 min:",
        "MISSED" if any(missed) else "kept",
    )
    return sum(missed)


def _line(name: str, told: Told) -> None:
    print(
        f"  {name:<22} recall {told.recall:.3f}  precision {told.precision:.3f}"
        f"  median delay {told.median_delay / 60.0:.1f} min  {len(told.false)} false",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=100.0)
    parser.add_argument("--incidents", type=int, default=200)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--loads", default="office")
    parser.add_argument("--alone", action="store_true", help="without opponents")
    parser.add_argument(
        "--quiet", action="store_true", help="without incidents: false alarms against the budget"
    )
    args = parser.parse_args()
    missed = sum(
        run(args, int(seed), load) for load in args.loads.split(",") for seed in args.seeds.split(",")
    )
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
