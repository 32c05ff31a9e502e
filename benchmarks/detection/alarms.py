"""Alarms that page a person where nothing is faulty: healthy pumps, a wind turbine's year, an air-quality station's year.

usage: python benchmarks/detection/alarms.py [--seeds N] [PART ...]

The monitor is the whole one, as a worker runs it; incidents of all kinds count but those of severity info. For the pumps a budget is kept
where the incidents are no more than chance explains: the 99 % quantile of Poisson's distribution at the budget's rate. The made
recordings are compared with what an earlier revision told of them. Ends with 1 where a target is missed.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
from judging import Figure
from made import AIR, TURBINE, air_quality_station, wind_turbine
from scoring import allowed
from tables import show

from producers.water_loop import CHANNELS, WaterLoop, simulate
from stream_app.events import Alert
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream
from stream_app.tables.rows import InputRows

PUMPS, HOURS = 30, 4
DELIVERY = 3000
YEARS = 3
"""Recordings of a year, each of a seed of its own."""
BUDGETS = {"1 per day": HOURS / 24.0, "1 per week": HOURS / 168.0}
"""For the stream, and the alerts that it allows in a run."""
EARLIER = {"turbine": (482, 317), "station": (286, 55)}
"""Alerts in three years at revision 1d4cd38, before habits were kept for ever: all of them, and those of quality."""
SHARE = 0.2
"""Of the earlier alerts: at most so many now."""


def told(
    names: tuple[str, ...],
    source: np.ndarray,
    ts: np.ndarray,
    channels: tuple[str, ...],
    values: np.ndarray,
    budget: str,
) -> list[Alert]:
    """Return of each incident of a run the first alert that pages a person."""
    monitor, begun = SensorMonitor(SensorStream(budget=budget)), dict[str, Alert]()
    for first in range(0, len(ts), DELIVERY):
        rows = slice(first, first + DELIVERY)
        part = InputRows(names, source[rows], ts[rows], channels, values[rows])
        alerts = monitor.update(part.readings(first)).alerts
        for alert in alerts:
            if alert.begins and alert.pages:
                begun.setdefault(alert.case.id, alert)
    return list(begun.values())


def kinds(alerts: list[Alert]) -> str:
    """Say how many begin with each kind."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(a.kind for a in alerts).items()))


def pumps(seeds: int) -> list[Figure]:
    """Healthy pumps, an event a second of each in turn, under a budget for all of them."""
    found: dict[str, list[Alert]] = {budget: [] for budget in BUDGETS}
    names, rows = tuple(f"pump-{i}" for i in range(PUMPS)), HOURS * 3600
    for seed in range(seeds):
        runs = [simulate(WaterLoop(), rows, seed=1000 * seed + i) for i in range(PUMPS)]
        values = np.stack([run.values for run in runs], axis=1).reshape(-1, len(CHANNELS))
        source, ts = np.tile(np.arange(PUMPS), rows), np.repeat(runs[0].ts, PUMPS)
        for budget, alerts in found.items():
            alerts.extend(told(names, source, ts, CHANNELS, values, budget))
    return [
        Figure(
            f'{seeds} x {HOURS} h, "{budget}"', len(alerts), at_most=allowed(seeds, BUDGETS[budget]),
            detail=f"{seeds * BUDGETS[budget]:.2f} allowed; {kinds(alerts) or 'none'}",
        )
        for budget, alerts in found.items()
    ]  # fmt: skip


def year(
    name: str, make: Callable[[int], tuple[np.ndarray, np.ndarray]], channels: tuple[str, ...]
) -> list[Figure]:
    """Years of a made recording, beside what the earlier revision told."""
    alerts = list[Alert]()
    for seed in range(YEARS):
        ts, values = make(seed)
        alerts += told((name,), np.zeros(len(ts), dtype=int), ts, channels, values, "1 per week")
    quality = sum(alert.kind == "quality" for alert in alerts)
    every, of_quality = EARLIER[name]
    return [
        Figure(f"{YEARS} years, incidents", len(alerts), at_most=SHARE * every, detail=f"{every} before; {kinds(alerts)}"),
        Figure(f"{YEARS} years, of quality", quality, at_most=SHARE * of_quality, detail=f"{of_quality} before"),
    ]  # fmt: skip


PARTS: dict[str, Callable[[int], list[Figure]]] = {
    "pumps": pumps,
    "turbine": lambda _: year("turbine", wind_turbine, TURBINE),
    "station": lambda _: year("station", air_quality_station, AIR),
}
"""Each part by its name; takes the number of seeds, returns figures with their targets."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--seeds", type=int, default=20, help="runs of the pumps (20)")
    asked = parser.parse_args()
    unknown = [name for name in asked.parts if name not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    missed = sum(show(name, PARTS[name](asked.seeds)) for name in asked.parts or PARTS)
    print(f"\n{missed} of the targets missed" if missed else "\nall targets met")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
