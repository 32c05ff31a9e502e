"""What the default set costs: µs per 8-channel event of each part and in total, and memory of the packed state.

usage: python benchmarks/detection/cost.py [--events 5000] [--repeats 7] [--seed 1]

A source is taught first; then the same events are judged again and again from the same state. Of each batch counts
the shortest CPU time over the repeats, so that other programs on the machine hardly matter; what is done at borders
(every 256 events, for example) is in the sum. Decoding is not: readings come as the decoder gives them.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from producers.water_loop.physics import WaterLoop
from producers.water_loop.simulate import simulate
from stream_app.core.windows import RollingWindow
from stream_app.events import SensorRow
from stream_app.monitors.sensors import Arrivals, SensorConfig
from stream_app.monitors.sensors.detectors import restore_detectors
from stream_app.monitors.sensors.scores import EventScores
from stream_app.monitors.sensors.source import SourceMonitor
from stream_app.store import pack_state, unpack_state

LEARNED = 2560
STEP = 13  # events between looks at the memory: no divisor of any border
BATCHES = (1, 50, 100, 250, 1000)
LIMIT_US, LIMIT_KIB = 8.0, 64.0
CHANNELS = tuple(f"channel-{j}" for j in range(8))


def streams(events: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Give rows of 8 channels: a plant that wanders, and the plainest stream there is."""
    yield "simulated water loop", simulate(WaterLoop(), events, seed=seed).values
    yield "independent normal noise", np.random.default_rng(seed).normal(20.0, 3.0, (events, 8))


def arrivals(values: np.ndarray, first: int = 0) -> Arrivals:
    """Make readings a second apart, as the decoder gives them."""
    ts = (1.7e9 + first + np.arange(len(values))).tolist()
    rows = [
        SensorRow("a", t, dict(zip(CHANNELS, row, strict=True)))
        for t, row in zip(ts, values.tolist(), strict=True)
    ]
    return Arrivals(rows, list(range(first, first + len(values))), ts)


def taught(values: np.ndarray, config: SensorConfig) -> bytes:
    """Return the packed state of a source that has learned from these rows."""
    monitor = SourceMonitor("a", config)
    monitor.update(arrivals(values), 0)
    return pack_state(monitor.state())


def parts(state: bytes, config: SensorConfig) -> dict[str, Callable[[Arrivals, np.ndarray, np.ndarray], Any]]:
    """Return each part of a source as it stands in this state, as a function of a batch."""
    whole = SourceMonitor.from_state(unpack_state(state, "benchmark"), "a", config)
    apart = SourceMonitor.from_state(unpack_state(state, "benchmark"), "a", config)
    group = unpack_state(state, "benchmark")["groups"][0]
    window = RollingWindow.from_state(group["window"])
    detectors = restore_detectors(group["detectors"], CHANNELS, config)
    return {
        "intake": lambda rows, *_: apart.intake.admit(rows),
        "quality": lambda _, ts, x: apart.quality.update(ts, x, CHANNELS),
        "window": lambda _, ts, x: window.update(ts, x),
        "anomaly": lambda _, ts, x: detectors["anomaly"].update(ts, x, EventScores.quiet(len(ts))),
        "drift": lambda _, ts, x: detectors["drift"].update(ts, x, EventScores.quiet(len(ts))),
        "all": lambda rows, *_: whole.update(rows, 0),
    }


def cost(
    state: bytes, values: np.ndarray, config: SensorConfig, batch: int, repeats: int
) -> dict[str, float]:
    """Return µs per event of each part."""
    cuts = [slice(at, at + batch) for at in range(0, len(values) // batch * batch, batch)]
    batches = [(arrivals(values[cut], LEARNED + cut.start), values[cut]) for cut in cuts]
    given = [(rows, np.array(rows.record_ts), x) for rows, x in batches]
    best: dict[str, np.ndarray] = {}
    for _ in range(repeats):
        for name, update in parts(state, config).items():
            spent = np.empty(len(given))
            for i, one in enumerate(given):
                begin = time.process_time_ns()
                update(*one)
                spent[i] = time.process_time_ns() - begin
            best[name] = np.minimum(best.get(name, spent), spent)
    return {name: float(spent.sum()) / 1e3 / (len(given) * batch) for name, spent in best.items()}


def memory(values: np.ndarray, config: SensorConfig) -> dict[str, tuple[int, int, int]]:
    """Return bytes of each part's packed state: after the first events, the most, and at the end.

    Half of the way the level changes for good, so that the anomaly becomes the new normal and everything is learned again.
    """
    values = values.copy()
    values[len(values) // 2 :] += 5.0 * values[:1000].std(axis=0)
    monitor = SourceMonitor("a", config)
    seen: dict[str, list[int]] = {}
    for at in range(0, len(values), STEP):
        monitor.update(arrivals(values[at : at + STEP], at), 0)
        state = monitor.state()
        group = state["groups"][0]
        of = {name: state[name] for name in ("intake", "quality", "book")}
        of |= {"window": group["window"]} | group["detectors"] | {"all": state}
        for name, part in of.items():
            seen.setdefault(name, []).append(len(pack_state(part)))
    return {name: (sizes[0], max(sizes), sizes[-1]) for name, sizes in seen.items()}


def report(name: str, values: np.ndarray, repeats: int) -> None:
    """Print both tables for one stream."""
    config = SensorConfig()
    state = taught(values[:LEARNED], config)
    rows = values[LEARNED:]
    table = {
        batch: cost(state, rows if batch > 1 else rows[:600], config, batch, repeats) for batch in BATCHES
    }
    print(f"\n{name}: µs per event (limit {LIMIT_US:g} for all)")
    print(f"  {'events per batch':<18}" + "".join(f"{batch:>9}" for batch in BATCHES))
    for part in table[BATCHES[0]]:
        print(f"  {part:<18}" + "".join(f"{table[batch][part]:>9.2f}" for batch in BATCHES))
    rest = {batch: 2 * row["all"] - sum(row.values()) for batch, row in table.items()}
    print(f"  {'of it, the rest':<18}" + "".join(f"{rest[batch]:>9.2f}" for batch in BATCHES), flush=True)
    print(f"\n{name}: KiB of packed state (limit {LIMIT_KIB:g} for all)")
    print(f"  {'':<18}{'first':>9}{'most':>9}{'last':>9}")
    for part, sizes in memory(values, config).items():
        print(f"  {part:<18}" + "".join(f"{size / 1024:>9.1f}" for size in sizes), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=5000, help="events that are judged")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name, values in streams(LEARNED + given.events, given.seed):
        report(name, values, given.repeats)


if __name__ == "__main__":
    main()
