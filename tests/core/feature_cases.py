"""Events and views for property tests, dense enough that windows, gaps and ids meet at their borders."""

import itertools

from hypothesis import strategies as st
from naive_features import Event

from stream_app.core.features import (
    AllTime,
    Condition,
    EntityLog,
    Feature,
    FeatureView,
    Session,
    Sliding,
    mark,
    micros,
)

BOUGHT = Condition("type", "==", "bought")
LARGE = Condition("amount", ">=", 1.0)
NAMED = Condition("item", "in", ("a", "b"))
WINDOWS = (
    Sliding(5),
    Sliding(20),
    Sliding(10, delay=10),
    Session(4, longest=15),
    Session(3, longest=9),
    AllTime(),
)

FEATURES = (
    *(
        Feature(f"{aggregation}_{i}", aggregation, "amount", window)
        for aggregation in ("count", "sum", "mean", "min", "max", "last", "rate", "time_since_last")
        for i, window in enumerate(WINDOWS)
    ),
    *(Feature(f"items_{i}", "distinct", "item", window) for i, window in enumerate(WINDOWS[:-1])),
    *(Feature(f"amounts_{i}", "distinct", "amount", window) for i, window in enumerate(WINDOWS[:-1])),
    *(Feature(f"all_{i}", "count", window=window) for i, window in enumerate(WINDOWS)),
    *(Feature(f"bought_{i}", "count", window=window, where=(BOUGHT,)) for i, window in enumerate(WINDOWS)),
    *(
        Feature(f"large_{i}", "sum", "amount", window, where=(BOUGHT, LARGE))
        for i, window in enumerate(WINDOWS)
    ),
    Feature("named", "rate", window=Sliding(20), where=(NAMED,)),
    Feature("share", "ratio", over=("bought_1", "all_1")),
    Feature("balance", "ratio", over=("large_5", "sum_0")),
)

AMOUNTS = st.sampled_from([None, 0.0, -0.0, 0.1, 0.2, 0.3, 1.0, 2.55, -2.55, 1e16, -1e16, 1e-9])


OPTIONS = st.fixed_dictionaries(
    {
        "where": st.sampled_from([(), (Condition("type", "!=", "noise"),)]),
        "lateness": st.sampled_from([0.0, 3.0, 8.0, 60.0]),
        "history": st.sampled_from([0.0, 15.0]),
        "max_events": st.sampled_from([10_000, 4, 1]),
    }
)


def view_with(**options):
    return FeatureView("v", FEATURES, **{"ttl": 90.0} | options)


@st.composite
def event_lists(draw, most=40):
    """Events in the order of their arrival, mostly forward in time, some late, some told again."""
    events, now, offset = [], 1000.0, {0: -1, 1: -1}
    for _ in range(draw(st.integers(0, most))):
        now += draw(st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0, 4.0, 5.0, 20.0, 91.0]))
        partition = draw(st.sampled_from([0, 0, 0, 1]))
        offset[partition] += draw(st.integers(1, 3))
        events.append(
            Event(
                ts=now - draw(st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 8.0, 9.0, 30.0])),
                offset=offset[partition],
                partition=partition,
                amount=draw(AMOUNTS),
                item=draw(st.sampled_from([None, "a", "b", "c"])),
                type=draw(st.sampled_from([None, "bought", "noise"])),
                id=draw(st.sampled_from([None, None, "1", "2", "3"])),
            )
        )
    return events


def add(log, layout, event):
    cells = layout.cells(
        event.type, {} if event.amount is None else {"amount": event.amount}, {"item": event.item}
    )
    if cells is None:
        return None
    ident = mark(event.id) if event.id else 0
    return log.add(event.partition, event.offset, micros(event.ts), ident, cells)


def stored(layout, batches):
    """The log after batches, written and read back after each."""
    log = EntityLog(layout)
    for batch in batches:
        for event in batch:
            add(log, layout, event)
        log.settle()
        log = EntityLog.decode(log.encode(), layout)
    return log


def cut(events, borders):
    """Cut a list at some places."""
    at = [0, *sorted(borders), len(events)]
    return [events[i:j] for i, j in itertools.pairwise(at)]
