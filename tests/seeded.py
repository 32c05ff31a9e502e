"""A store with thousands of sources and some incidents in it, for the tests of the dashboard."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stream_app.core.bank import Bank
from stream_app.core.history import history_layout
from stream_app.core.history.recorder import HistoryRecorder
from stream_app.events import Alert, AlertState, LogId, Severity, alert_id
from stream_app.events.excerpt import Excerpt
from stream_app.store import AlertWriter, FeatureRow, FeatureWriter, HistoryWriter, connect
from stream_app.store.ownership import Ownership

PATIENCE = 20.0
"""Seconds for what takes one on a machine that has time."""
MANY = 5000
BEGIN = 1_700_000_000.0


def alert(source, offset, state=AlertState.FIRING, **changes):
    fields = {
        "id": alert_id("pumps", source, "anomaly", "*", LogId(0), offset),
        "stream": "pumps",
        "source": source,
        "kind": "anomaly",
        "detector": "anomaly",
        "channel": "*",
        "state": state,
        "severity": Severity.CRITICAL,
        "started_at": BEGIN + offset,
        "ended_at": BEGIN + offset + 600.0 if state is AlertState.RESOLVED else None,
        "partition": 0,
        "offset": offset,
        "statistic": 21.3,
        "threshold": 6.7,
        "summary": f"flow 124.9 → 61.2 l/min at offset {offset}, usually 122 to 127.8",
        "contributions": (("flow", 0.8), ("pressure", 0.2)),
        "context": {"mean_before": 124.9, "mean_after": 61.2, "usual_low": 122.0, "usual_high": 127.8},
    }
    return Alert(**(fields | changes))


EXCERPT = Excerpt(channel="flow", seconds=(-2.0, -1.0, 0.0), values=(124.9, None, 61.2))
STORY = (
    alert("pump-7", 100, severity=Severity.WARNING, excerpt=EXCERPT),
    alert("pump-1234", 200),
    alert("pump-8", 300),
    alert("pump-8", 300, AlertState.RESOLVED),
    *(
        alert(f"line-{i}", 5000 + i, summary="no readings for 7 min 1 s, usually one every 1 s")
        for i in range(4)
    ),
)


async def keep_history(store, name, ts=None, scores=None):
    """Write three hours of a source, of which the flow falls in the last hundred seconds."""
    rng = np.random.default_rng(7)
    ts = BEGIN - 10_600.0 + np.arange(10_800.0) if ts is None else ts
    values = np.column_stack([rng.normal(125.0, 0.5, len(ts)), rng.normal(4.0, 0.05, len(ts))])
    values[ts >= BEGIN + 100.0, 0] -= 60.0
    bank = Bank(history_layout(2))
    bank.add(name)
    recorder, names = HistoryRecorder(("flow", "pressure")), [name] * len(ts)
    slots = np.full(len(ts), bank.slot(name))
    closed = recorder.record(bank, names, slots, ts, values, np.zeros(len(ts)) if scores is None else scores)
    await HistoryWriter(store, "pumps").write([*closed, recorder.open(bank, [name])])


OPERATIONS = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
OPERATOR, RULES = re.findall(r"^user (\S+-operator) on >PASSWORD (.*)$", OPERATIONS, re.MULTILINE)[0]
PASSWORD = "word-of-it"


async def make_operator(store):
    """Make the documented user of Redis for people who act."""
    rules = RULES.replace("sg:", f"{store.keys.prefix}:").split()
    await store.client.execute_command("ACL", "SETUSER", OPERATOR, "reset", "on", f">{PASSWORD}", *rules)


class Seeded:
    """A store that tests write to."""

    def __init__(self, settings):
        self.settings = settings

    def do(self, work):
        """Run a coroutine function with a store."""

        async def done():
            store = await connect(self.settings)
            try:
                return await work(store)
            finally:
                await store.close()

        # Playwright has a loop in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(done())).result()

    def write(self, *alerts):
        self.do(lambda store: AlertWriter(store).write(alerts))

    def beat(self, name, flow, *, warmup_left=0.0):
        """Write features of a source."""
        row = FeatureRow(
            name,
            int(time.time() * 1000),
            time.time() - 0.2,
            time.time(),
            {
                "events": 1000.0, "flow.count": 60.0, "flow.missing": 0.0, "flow.last": flow, "flow.mean": flow,
                "pressure.count": 60.0, "pressure.missing": 3.0, "pressure.last": 4.1, "pressure.mean": 4.1,
                "anomaly.score": 0.1, "anomaly.warmup_left": warmup_left,
            },
        )  # fmt: skip
        self.do(lambda store: FeatureWriter(store, "pumps").write([row]))

    def fill(self):
        """Write sources and incidents."""

        async def work(store):
            await Ownership(store).take({"stream.pumps": "sensors from pump.readings"})
            names = {f"pump-{i}": BEGIN + i for i in range(MANY)}
            await store.client.zadd(store.keys.entities("pumps"), names)
            await AlertWriter(store).write(STORY)
            await keep_history(store, "pump-7")
            await make_operator(store)

        self.do(work)
        for i in range(1, 9):
            self.beat(f"pump-{i}", 120.0 + i, warmup_left=88.0 if i in {3, 5} else 0.0)
