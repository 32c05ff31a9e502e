"""Streams of predictions for tests: a model that is asked, answers, fails now and then, and gets worse."""

import math
from itertools import pairwise

import numpy as np

from stream_app.events import LogId, PredictionRow
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.store.packing import pack_state, unpack_state

CLASSES = ("cat", "dog", "fox")
START = 1_700_000_000.0


def model(rng, n, strength, *, classes=CLASSES):
    """Probabilities and truths of a model: the stronger, the more often right; as sure as it may be."""
    k = len(classes)
    truth = rng.integers(0, k, n)
    scores = rng.normal(size=(n, k)) + strength * np.eye(k)[truth]
    p = np.exp(strength * scores)
    return p / p.sum(axis=1, keepdims=True), truth


def events(
    p,
    truth,
    *,
    classes=CLASSES,
    delay=20.0,
    start=START,
    first=0,
    features=None,
    categories=None,
    version="",
    latency=math.nan,
):
    """A prediction a second and its label `delay` seconds later, in the order of their times; 0 is at once."""
    names = [classes[i] for i in p.argmax(axis=1)]
    rows = []
    for i, (chances, name, true) in enumerate(zip(p.tolist(), names, truth.tolist(), strict=True)):
        ts = start + i
        rows.append(
            PredictionRow(
                "m", ts, f"id-{first + i}", version, name, tuple(zip(classes, chances, strict=True)),
                classes[true] if delay == 0 else None,
                {} if features is None else features[i], {} if categories is None else categories[i], latency,
            )
        )  # fmt: skip
        if delay:
            rows.append(PredictionRow("m", ts + delay, f"id-{first + i}", label=classes[true]))
    return sorted(rows, key=lambda row: row.ts)


def arrivals(rows, offset=0):
    return Arrivals(list(rows), list(range(offset, offset + len(rows))), [row.ts for row in rows])


def feed(config, rows, cuts=(), *, restart=False, monitor=None):
    """Give rows to a monitor in pieces; through its stored state between them, with `restart`."""
    monitor = monitor or PredictionMonitor(config)
    outcomes = []
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < len(rows)}), len(rows)]
    for begin, end in pairwise(bounds):
        outcomes.append(monitor.update("m", arrivals(rows[begin:end], begin), log=LogId(3)))
        if restart:
            stored = packed(monitor)
            monitor = PredictionMonitor(config)
            monitor.restore("m", unpack_state(stored, "m"))
    return monitor, outcomes


def packed(monitor):
    return pack_state(monitor.state("m"))


def all_of(outcomes, name):
    return [one for outcome in outcomes for one in getattr(outcome, name)]
