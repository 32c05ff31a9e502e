"""What an entity's log costs: bytes, µs to take events and to be stored, µs to be read.

usage: python benchmarks/features/log.py [--seconds 1.0]

Of each figure counts the median over short runs, in CPU time, so that other programs on the machine hardly matter.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

from stream_app.core.features import (
    DAY,
    Condition,
    EntityLog,
    Evaluator,
    Feature,
    FeatureView,
    Layout,
    Session,
    Sliding,
    mark,
    micros,
)

RETURNED = (Condition("amount", "<", 0.0),)
TEN = (
    Feature("lines_30m", "count", window=Sliding(1800)),
    Feature("spent_30m", "sum", "amount", Sliding(1800)),
    Feature("lines_session", "count", window=Session(1800)),
    Feature("spent_session", "sum", "amount", Session(1800)),
    Feature("spent_7d", "sum", "amount", Sliding(7 * DAY)),
    Feature("spent_30d", "sum", "amount", Sliding(30 * DAY)),
    Feature("spent_90d", "sum", "amount", Sliding(90 * DAY)),
    Feature("lines_7d", "count", window=Sliding(7 * DAY)),
    Feature("lines_90d", "count", window=Sliding(90 * DAY)),
    Feature("pause", "time_since_last", window=Sliding(90 * DAY)),
)
TWENTY = (
    *TEN,
    Feature("lines_30d", "count", window=Sliding(30 * DAY)),
    Feature("mean_90d", "mean", "amount", Sliding(90 * DAY)),
    Feature("most_90d", "max", "amount", Sliding(90 * DAY)),
    Feature("least_90d", "min", "amount", Sliding(90 * DAY)),
    Feature("last_amount", "last", "amount", Sliding(90 * DAY)),
    Feature("items_30d", "distinct", "item", Sliding(30 * DAY)),
    Feature("returned_90d", "count", window=Sliding(90 * DAY), where=RETURNED),
    Feature("refunded_90d", "sum", "amount", Sliding(90 * DAY), where=RETURNED),
    Feature("rate_7d", "rate", window=Sliding(7 * DAY)),
    Feature("returned_share", "ratio", over=("returned_90d", "lines_90d")),
)
NOW = 1_700_000_000.0


def events(count: int, layout: Layout, seed: int = 1):
    draw = random.Random(seed)
    times = sorted(NOW - draw.random() * 90 * DAY for _ in range(count))
    return [
        (
            offset,
            micros(ts),
            mark(str(offset)),
            layout.cells(
                "purchase",
                {"amount": round(draw.lognormvariate(2, 1), 2) * draw.choice((1, 1, 1, -1))},
                {"item": str(draw.randrange(100))},
            ),
        )
        for offset, ts in enumerate(times)
    ]


def filled(count: int, layout: Layout) -> EntityLog:
    log = EntityLog(layout)
    for offset, ts, ident, cells in events(count, layout):
        log.add(0, offset, ts, ident, cells)
    log.settle()
    return log


def micros_of(call: Callable[[], object], seconds: float) -> float:
    """Median µs of a call, over runs of about 10 ms."""
    runs, repeats = [], 1
    deadline = time.process_time() + seconds
    while time.process_time() < deadline:
        begin = time.process_time()
        for _ in range(repeats):
            call()
        took = time.process_time() - begin
        if took < 0.01:
            repeats *= 2
        else:
            runs.append(took / repeats)
    return statistics.median(runs) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU time for each figure")
    seconds = parser.parse_args().seconds
    print(
        f"{'features':>8} {'events':>7} {'bytes':>8} {'decode':>8} {'read':>8} {'both':>8} {'encode':>8} {'+2 events':>10}"
    )
    for features in (TEN, TWENTY):
        layout = Layout(FeatureView("purchases", features))
        evaluator = Evaluator(layout)
        for count in (3, 10, 30, 100, 1000, 5000):
            log = filled(count, layout)
            raw, at = log.encode(), micros(NOW + 1)
            fresh = [
                (10**9 + i, micros(NOW + i), mark(f"new {i}"), log_cells)
                for i, (*_, log_cells) in enumerate(events(2, layout))
            ]

            def write(raw=raw, layout=layout, fresh=fresh):
                taken = EntityLog.decode(raw, layout)
                for offset, ts, ident, cells in fresh:
                    taken.add(0, offset, ts, ident, cells)
                taken.settle()
                return taken.encode()

            figures = [
                micros_of(call, seconds)
                for call in (
                    lambda raw=raw, layout=layout: EntityLog.decode(raw, layout),
                    lambda log=log, at=at, evaluator=evaluator: evaluator.read(log, at),
                    lambda raw=raw, layout=layout, at=at, evaluator=evaluator: evaluator.read(
                        EntityLog.decode(raw, layout), at
                    ),
                    log.encode,
                    write,
                )
            ]
            print(
                f"{len(features):>8} {count:>7} {len(raw):>8}"
                + "".join(f" {figure:>8.1f}" for figure in figures)
            )


if __name__ == "__main__":
    main()
