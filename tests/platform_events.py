"""Events of a small platform for tests: a coordinator's queries, and metrics of workers, seeded."""

import json
import random

START = 1_770_000_000.0 // 60.0 * 60.0
WORKERS = 4
GAUGES = ("node_load1", "node_memory_MemAvailable_bytes", "jvm_memory_used_bytes")
STATEMENTS = (
    "select * from orders where id = {}",
    "select sum(price) from sales where day = {} group by shop",
)

__all__ = ["START", "events_of"]


def events_of(windows, *, slow=(), source="prod", seed=1, every=30.0, worker="worker-2", window=60.0):
    """Return the records' values of some windows: a scrape of each worker, queries, a change before what is slow begins.

    In the windows of `slow` the disk of one worker is busy, its load high, and the queries take five times as long.
    """
    chance = random.Random(seed)
    totals = {}
    records = []
    for step in range(round(windows * window / every)):
        ts = START + step * every
        bad = int(step * every // window) in slow
        if slow and step * every == (slow[0] - 3) * window:
            records.append(change(ts, worker))
        for number in range(WORKERS):
            node = f"worker-{number}"
            hit = bad and node == worker
            samples = [
                sample(name, node, chance.gauss(50.0, 2.0) + (40.0 if hit else 0.0)) for name in GAUGES
            ]
            for name, rate in (("node_disk_io_time_seconds_total", 0.2), ("s3_requests_total", 9.0)):
                more = rate * every * chance.uniform(0.9, 1.1) * (4.0 if hit else 1.0)
                totals[node, name] = totals.get((node, name), 0.0) + more
                samples.append(sample(name, node, totals[node, name]))
            records.append({"ts": ts, "samples": samples})
        for k in range(4):
            wall = chance.lognormvariate(0.0, 0.2) * (5.0 if bad else 1.0)
            records.append(
                query(f"q{seed}-{step}-{k}", ts + k, wall, STATEMENTS[k % 2].format(chance.randrange(10_000)))
            )
    return [json.dumps(record | {"source": source}).encode() for record in records]


def sample(name, node, value):
    """Return a sample of a scrape."""
    return {"name": name, "labels": {"instance": f"{node}:9100"}, "value": value}


def change(ts, node):
    """Return a deployment."""
    what = {"kind": "deployment", "what": "worker image", "version": "475", "nodes": [node]}
    return {"ts": ts, "change": what}


def query(ident, ts, wall, text):
    """Return a completed query as Trino's listener posts it."""
    return {
        "ts": ts,
        "metadata": {"queryId": ident, "query": text, "queryState": "FINISHED"},
        "statistics": {"wallTime": wall, "cpuTime": wall / 2.0, "queuedTime": 0.01, "completedSplits": 3},
        "context": {"user": "etl", "catalog": "lake"},
        "createTime": ts - wall,
        "endTime": ts,
    }
