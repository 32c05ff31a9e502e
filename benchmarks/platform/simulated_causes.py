"""Rank the causes of simulated incidents of eight kinds: is what is to blame among the first two.

usage: python benchmarks/platform/simulated_causes.py [--days N] [--incidents N] [--seeds N ...] [--loads NAME ...] [--misses]

The causes are ranked as a worker ranks them: from the newest 240 windows in that in which the incident is told,
and again ten minutes later. Right is the worker of an incident of one worker (or the query
class that made it slow), the coordinator or its metadata latency for a stalled metastore, the object store for a slow or a
throttling one. *Loosely* right is anything that the truth names. Beside ours: node or group of the series that
deviates most. Ends with 1 where the target is missed.
"""

import argparse
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from producers.platform_simulator import (
    INCIDENT_NAMES,
    LOADS,
    Load,
    SimulatedPlatform,
    Truth,
    blocks,
    draw_changes,
    draw_incidents,
    truth_of,
)
from stream_app.core.arrays import FloatArray
from stream_app.core.platform.causes import rank_causes, top_causes
from stream_app.core.platform.detector import PlatformDetector
from stream_app.core.platform.series import Cause, Change, Episode, Series, WindowResult
from stream_app.core.platform.symptoms import since, worsening

BUDGET = 1.0 / 604_800.0
DAY = 86_400.0
WINDOW = 60.0
LATER = 10
"""Windows after the begin at which causes are ranked again."""
TARGET = 0.85
KEPT = 240
"""Newest windows, from which causes are ranked."""
PLATFORM_WIDE = frozenset(("slow_s3", "throttling"))


Row: TypeAlias = tuple[float, FloatArray, WindowResult]


class Told(NamedTuple):
    """An incident that was told: its truth, and its windows up to when it was told and a little later."""

    truth: Truth
    begun: Episode
    later: Episode
    changes: tuple[Change, ...]


def incidents_told(days: float, count: int, seed: int, load: Load) -> Iterator[Told]:
    """Simulate a platform, watch it, and give the incidents that are told while they are there."""
    platform = SimulatedPlatform(load=load, step=WINDOW)
    span = days * DAY
    incidents = draw_incidents(count, span, seed, workers=platform.workers)
    simulated = draw_changes(span, seed, start=platform.start)
    changes = tuple(
        Change(platform.start + one.start, one.kind, one.what, (), one.version) for one in simulated
    )
    truths = [truth_of(incident, platform) for incident in incidents]
    detector = PlatformDetector(window=WINDOW, budget_per_second=BUDGET)
    kept: deque[Row] = deque(maxlen=KEPT)
    pending: tuple[int, Truth, Episode] | None = None
    told: set[int] = set()
    for block in blocks(platform, seed, incidents, simulated, windows=round(span / WINDOW)):
        series = tuple(Series(c.node, c.metric, c.group, c.of, c.higher_is_worse) for c in block.series)
        for end, values in zip(block.ends.tolist(), block.values, strict=True):
            result = detector.update(end, series, values)
            kept.append((end, values, result))
            if pending and end >= pending[2].ends[-1] + LATER * WINDOW:
                yield Told(pending[1], pending[2], episode(kept, series, pending[2].onset), changes)
                pending = None
            there = [i for i, truth in enumerate(truths) if truth.start < end <= truth.end + 3 * WINDOW]
            if result.began and there and there[-1] not in told and pending is None:
                told.add(there[-1])
                pending = (there[-1], truths[there[-1]], episode(kept, series, result.onset))


def episode(kept: Iterable[Row], series: tuple[Series, ...], onset: float) -> Episode:
    """Return the newest windows as an episode."""
    some = list(kept)
    newest = some[-1][2]
    return Episode(
        np.array([end for end, _, _ in some]),
        np.array([values for _, values, _ in some]),
        np.array([result.deviations for _, _, result in some]),
        newest.usual_low,
        newest.usual_high,
        series,
        onset,
    )


def right(cause: Cause, truth: Truth) -> bool:
    """Whether a cause is that of the incident."""
    if truth.kind in PLATFORM_WIDE:
        return cause.kind == "group" and cause.name == truth.groups[0]
    if truth.kind == "metadata_stall" and cause.kind == "group":
        return cause.name == truth.groups[0]
    return (cause.kind == "node" and cause.name in truth.nodes) or (
        cause.kind == "query class" and cause.name in truth.classes
    )


def loosely_right(cause: Cause, truth: Truth) -> bool:
    """Whether a cause is anything that the truth names."""
    names = {"node": truth.nodes, "group": truth.groups, "query class": truth.classes}
    return cause.name in names.get(cause.kind, ())


def most_deviating(windows: Episode) -> tuple[Cause, ...]:
    """Return the node and the group of the series that deviate most, which is what a z-score rule names."""
    scores = np.nan_to_num(worsening(windows)[since(windows)]).mean(axis=0)
    first = windows.series[int(np.argmax(scores))]
    return (Cause(first.of, first.node, 1.0, 0.0), Cause("group", first.group, 1.0, 0.0))


def main() -> int:
    """Run, print, and return 1 where the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=100.0)
    parser.add_argument("--incidents", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=["office"])
    parser.add_argument("--misses", action="store_true", help="print what is named where that is wrong")
    arguments = parser.parse_args()
    met = True
    for load in arguments.loads:
        for seed in arguments.seeds:
            told = list(incidents_told(arguments.days, arguments.incidents, seed, load))
            met &= show(told, f"{load} load, seed {seed}", arguments.incidents, misses=arguments.misses)
    return 0 if met else 1


def show(told: Sequence[Told], title: str, count: int, *, misses: bool) -> bool:
    """Print how often the cause is among the first two, by kind of incident; return whether the target is met."""
    named = [top_causes(rank_causes(one.begun, None, one.changes))[:2] for one in told]
    later = [top_causes(rank_causes(one.later, None, one.changes))[:2] for one in told]
    largest = [most_deviating(one.begun) for one in told]
    print(f"\n{title}: {len(told)} of {count} incidents told; cause among the first two")
    columns = ("told", "first", "top two", "10 min later", "loosely", "largest z")
    print(f"  {'':18}" + "".join(f"{name:>14}" for name in columns))
    for kind in (*INCIDENT_NAMES, "all"):
        rows = [i for i, one in enumerate(told) if kind in (one.truth.kind, "all")]
        shares = [
            np.mean([any(judge(cause, told[i].truth) for cause in causes[i][:top]) for i in rows])
            if rows
            else np.nan
            for causes, top, judge in (
                (named, 1, right),
                (named, 2, right),
                (later, 2, right),
                (named, 2, loosely_right),
                (largest, 2, right),
            )
        ]
        print(f"  {kind:18}{len(rows):>14}" + "".join(f"{share:>14.2f}" for share in shares))
    if misses:
        for one, causes in zip(told, named, strict=True):
            if not any(right(cause, one.truth) for cause in causes):
                print(
                    f"  {one.truth.kind} {one.truth.nodes}: {[(c.kind, c.name, round(c.share, 2), c.metric) for c in causes]}"
                )
    met = bool(shares[1] >= TARGET)
    print(f"  target {TARGET} of all: {'met' if met else 'missed'}")
    return met


if __name__ == "__main__":
    sys.exit(main())
