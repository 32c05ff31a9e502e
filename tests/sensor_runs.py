"""Runs of a sensor monitor in deliveries that end where one likes."""

from dataclasses import dataclass, field
from itertools import pairwise

from stream_app.core.history import ClosedBuckets
from stream_app.events import Alert, Readings
from stream_app.monitors.base import Refusal
from stream_app.monitors.sensors import EventScores, SensorMonitor
from stream_app.store import pack_state, unpack_state


@dataclass
class Run:
    """What came of it; offsets count all rows."""

    monitor: SensorMonitor
    alerts: list[Alert] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    scores: list[EventScores] = field(default_factory=list)
    history: list[ClosedBuckets] = field(default_factory=list)

    def said(self):
        """All of it, to compare."""
        scores = EventScores.joined(self.scores)
        marks = (
            scores.score.tobytes(),
            scores.anomaly.tobytes(),
            scores.changepoint.tobytes(),
            scores.drift.tobytes(),
        )
        return (
            [alert.model_dump_json() for alert in self.alerts],
            self.refusals,
            self.counted,
            marks,
            histories(self.history),
        )


def run(config, rows, cuts=(), *, record_ts=None, restart=False):
    """Run rows in deliveries that end at the cuts; after each the monitor may be replaced by its restored states."""
    done = Run(SensorMonitor(config))
    inner = {cut for cut in cuts if 0 < cut < len(rows)}
    for begin, end in pairwise([0, *sorted(inner), len(rows)]):
        own = None if record_ts is None else record_ts[begin:end]
        outcome = done.monitor.update(Readings.of(rows[begin:end], range(begin, end), own))
        done.alerts += outcome.alerts
        done.refusals += outcome.refusals
        done.counted |= outcome.counted
        done.scores.append(outcome.scores)
        done.history += outcome.history
        if restart:
            done.monitor = restored(done.monitor, config)
    return done


def histories(closed):
    """By source and channels, the buckets in their order, without their places in a delivery."""
    found = {}
    for some in closed:
        for source, head, figures in zip(some.sources, some.heads, some.figures, strict=True):
            mine = found.setdefault((source, some.channels), [])
            mine.append((head.tolist()[1:], figures.tobytes()))
    return found


def restored(monitor, config):
    """Another monitor with the same states, as the store gives them back."""
    other = SensorMonitor(config)
    for source, state in packed(monitor).items():
        other.restore(source, unpack_state(state, source))
    return other


def packed(monitor):
    """The states of all sources."""
    return {source: pack_state(monitor.state(source)) for source in sorted(monitor.sources())}


def window(monitor, source):
    """Times and values by channel of what is in a source's window, missing ones left out, in the order of their coming."""
    home = monitor._placement[source]
    slot = home.records.slot(source)
    ts, values = home.records["window.ts"][slot], home.records["window.values"][slot]
    written = int(home.records["window"][slot]["written"])
    places = [place % len(ts) for place in range(max(0, written - len(ts)), written)]
    return [
        (
            float(ts[place]),
            {n: v.hex() for n, v in zip(home.channels, values[place].tolist(), strict=True) if v == v},  # noqa: PLR0124 NaN is missing
        )
        for place in places
    ]
