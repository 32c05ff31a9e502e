"""Delay to detection against River's detectors and a windowed KS, all at the same false-alarm rate.

Usage: ``python benchmarks/detection/power.py``. Every contestant's one parameter is first searched on
streams without a change so that it alarms within 4,000 events as often as a mean run length of 10,000
implies. Inputs have mean 0 and variance 1 before the change.

How a change comes (as in Gama et al. 2014, A survey on concept drift adaptation):
sudden: the new concept holds from one event to the next; gradual: over 500 events, each is drawn from the new
concept with a chance that grows from 0 to 1; incremental: the parameter itself moves to its new
value over 500 events; recurring: the new concept holds for 150 events, the old for 150, and so on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from stream_app.core.drift import DriftConfig, DriftDetector

REFERENCE = 1000
CHANGE = 4000
HORIZON = 1500
RUN_LENGTH = 10_000
LOOK = 4000  # events after the reference in which a false alarm is looked for
ALARMED = 1.0 - exp(-LOOK / RUN_LENGTH)
STREAMS = 200  # for calibration
REPEATS = 40  # for each cell
KSWIN_STREAMS = 30  # KSWIN takes 180 µs an update
KSWIN_REPEATS = 5
OVER = 500
EPISODE = 150
WINDOW, HOP = 100, 10

Score = Callable[[np.ndarray, float], int]

HEAVY = float(np.sqrt(3.0))
CONCEPTS = {
    "mean": (0.5, 1.0, 2.0),
    "variance": (0.5, 1.5, 2.0),
    "shape": ("skewed", "bimodal", "heavy"),
    "correlation": (0.4, 0.6, 0.8),
}
PATTERNS = ("sudden", "gradual", "incremental", "recurring")


def shaped(kind: str, u: np.ndarray) -> np.ndarray:
    """Return quantiles of a distribution of mean 0 and variance 1 that is not normal."""
    if kind == "skewed":
        return -np.log1p(-u) - 1.0
    if kind == "heavy":
        return student.ppf(u, 3) / HEAVY
    half = np.where(u < 0.5, 2.0 * u, 2.0 * u - 1.0)
    return np.where(u < 0.5, -0.9, 0.9) + np.sqrt(0.19) * ndtri(np.clip(half, 1e-12, 1 - 1e-12))


def weights(pattern: str, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Return how far each event is into the new concept, 0 to 1."""
    time = np.arange(rows) - CHANGE
    ramp = np.clip(time / OVER, 0.0, 1.0)
    if pattern == "sudden":
        return (time >= 0).astype(float)
    if pattern == "gradual":
        return (rng.random(rows) < ramp).astype(float)
    if pattern == "incremental":
        return ramp
    return ((time >= 0) & (time // EPISODE % 2 == 0)).astype(float)


def stream(feature: str, size: float | str, pattern: str, seed: int) -> np.ndarray:
    """Return one stream; two columns where the change is one of correlation."""
    rng = np.random.default_rng(seed)
    rows = CHANGE + HORIZON
    base = rng.normal(size=rows)
    weight = weights(pattern, rng, rows)
    if feature == "mean":
        return (base + weight * float(size))[:, None]
    if feature == "variance":
        return (base * (1.0 + weight * (float(size) - 1.0)))[:, None]
    if feature == "correlation":
        rho = weight * float(size)
        return np.column_stack((base, rho * base + np.sqrt(1.0 - rho * rho) * rng.normal(size=rows)))
    other = shaped(str(size), np.clip(ndtr(base), 1e-9, 1 - 1e-9))
    together = float(np.mean(base * other))
    mixed = (1.0 - weight) * base + weight * other
    return (mixed / np.sqrt((1.0 - weight) ** 2 + weight**2 + 2.0 * weight * (1.0 - weight) * together))[
        :, None
    ]


def seen_by_peers(values: np.ndarray) -> np.ndarray:
    """Return what a detector of one series is given: of a pair, the product that shows its correlation."""
    return values[:, 0] if values.shape[1] == 1 else values[:, 0] * values[:, 1]


def ours(values: np.ndarray, rate: float) -> Iterator[int]:
    names = [str(j) for j in range(values.shape[1])]
    detector = DriftDetector(names, DriftConfig(false_alarm_rate=rate))
    for start in range(0, len(values), 500):
        part = values[start : start + 500]
        for signal in detector.update(np.arange(float(len(part))), part).signals:
            yield start + signal.row


def river(make: Callable[[float], object]) -> Callable[[np.ndarray, float], Iterator[int]]:
    def alarms(values: np.ndarray, parameter: float) -> Iterator[int]:
        detector = make(parameter)
        for row, value in enumerate(seen_by_peers(values).tolist()):
            detector.update(value)
            if detector.drift_detected:
                yield row

    return alarms


def window_distance(series: np.ndarray) -> np.ndarray:
    """Return the KS distance from the reference of the last WINDOW events, every HOP events."""
    reference = np.sort(series[:REFERENCE])
    ends = np.arange(REFERENCE + WINDOW, len(series) + 1, HOP)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(series, WINDOW)[ends - WINDOW], axis=1)
    below = np.searchsorted(reference, windows, side="right") / REFERENCE
    steps = np.arange(WINDOW + 1) / WINDOW
    return np.maximum(below - steps[:-1], steps[1:] - below).max(axis=1)


def windowed_ks(values: np.ndarray, bound: float) -> Iterator[int]:
    for index in np.flatnonzero(window_distance(seen_by_peers(values)) >= bound):
        yield REFERENCE + WINDOW + HOP * int(index) - 1


@dataclass
class Contestant:
    """A detector with one parameter to calibrate; `low` gives few alarms, `high` many (log scale)."""

    name: str
    alarms: Callable[[np.ndarray, float], Iterator[int]]
    low: float
    high: float
    streams: int = STREAMS
    repeats: int = REPEATS
    lead: int = CHANGE


CONTESTANTS = (
    Contestant("streamgauge", ours, 1e-5, 1e-2),
    Contestant("ADWIN", river(lambda delta: ADWIN(delta=delta)), 1e-3, 1.0),
    Contestant("PageHinkley", river(lambda bound: PageHinkley(threshold=bound)), 1e3, 10.0),
    Contestant(
        "KSWIN",
        river(lambda alpha: KSWIN(alpha=alpha, seed=1)),
        1e-9,
        1e-1,
        KSWIN_STREAMS,
        KSWIN_REPEATS,
        150,
    ),
    Contestant("windowed KS", windowed_ks, 1.0, 0.05),
)


def quiet(feature: str, seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 2 if feature == "correlation" else 1))


def alarmed(contestant: Contestant, parameter: float, feature: str) -> float:
    """Return the share of quiet streams with an alarm after the reference."""
    streams = range(contestant.streams)
    hits = 0
    for seed in streams:
        alarms = contestant.alarms(quiet(feature, 10_000 + seed, REFERENCE + LOOK), parameter)
        hits += any(row >= REFERENCE for row in alarms)
    return hits / contestant.streams


def calibrated_kswin(contestant: Contestant, feature: str) -> float:
    """Return the level for KSWIN from its smallest p-values: it costs too much to search."""
    smallest = []
    for seed in range(contestant.streams):
        detector = KSWIN(alpha=1e-300, seed=1)
        lowest = 1.0
        for row, value in enumerate(seen_by_peers(quiet(feature, 20_000 + seed, LOOK + 100)).tolist()):
            detector.update(value)
            if row >= 100:  # KSWIN's window is full
                lowest = min(lowest, detector.p_value)
        smallest.append(lowest)
    return float(np.quantile(smallest, ALARMED, method="lower"))


def calibrated(contestant: Contestant, feature: str) -> float:
    """Return the parameter with the wanted share of alarmed streams, by bisection on a log scale."""
    if contestant.name == "KSWIN":
        return calibrated_kswin(contestant, feature)
    low, high = np.log(contestant.low), np.log(contestant.high)
    for _ in range(8):
        middle = 0.5 * (low + high)
        if alarmed(contestant, float(np.exp(middle)), feature) > ALARMED:
            high = middle
        else:
            low = middle
    return float(np.exp(0.5 * (low + high)))


def delay(contestant: Contestant, parameter: float, cell: tuple[str, float | str, str]) -> float:
    """Return the mean delay over the streams in which nothing was raised before the change."""
    delays = []
    feature, size, pattern = cell
    for seed in range(contestant.repeats):
        values = stream(feature, size, pattern, seed)[CHANGE - contestant.lead :]
        first = next(
            (
                row
                for row in contestant.alarms(values, parameter)
                if row >= min(REFERENCE, contestant.lead - 50)
            ),
            None,
        )
        after = HORIZON if first is None else first - contestant.lead + 1
        if after > 0:
            delays.append(after)
    return float(np.mean(delays)) if delays else float("nan")


def main() -> None:
    print(f"Mean delay in events (at most {HORIZON}, which means: not found), change at event {CHANGE}.")
    print(
        f"Calibrated to one false alarm in {RUN_LENGTH:,} events on {STREAMS} streams ({KSWIN_STREAMS} for KSWIN);"
    )
    print(
        f"{REPEATS} streams a cell ({KSWIN_REPEATS} for KSWIN). Peers see the product of a pair for correlation."
    )
    parameters: dict[tuple[str, str], float] = {}
    for kind in ("one channel", "correlation"):
        for contestant in CONTESTANTS:
            if contestant.name == "KSWIN" and kind == "correlation":
                # Its run length is the same for every continuous distribution: no need to pay twice.
                parameters[contestant.name, kind] = parameters[contestant.name, "one channel"]
            else:
                parameters[contestant.name, kind] = calibrated(contestant, kind)
        print(
            f"{kind}: " + ", ".join(f"{c.name} {parameters[c.name, kind]:.3g}" for c in CONTESTANTS),
            flush=True,
        )
    header = f"{'change':<34}" + "".join(f"{c.name:>13}" for c in CONTESTANTS) + "  fastest"
    print(header)
    won = cells = 0
    for pattern in PATTERNS:
        for feature, sizes in CONCEPTS.items():
            kind = "correlation" if feature == "correlation" else "one channel"
            for size in sizes:
                delays = [delay(c, parameters[c.name, kind], (feature, size, pattern)) for c in CONTESTANTS]
                cells += 1
                won += delays[0] <= min(delays[1:])
                label = f"{pattern} {feature} {size}"
                fastest = CONTESTANTS[int(np.argmin(delays))].name
                print(f"{label:<34}" + "".join(f"{d:>13.0f}" for d in delays) + f"  {fastest}", flush=True)
    print(f"streamgauge no slower than the best of the others in {won} of {cells} cells ({won / cells:.0%})")


if __name__ == "__main__":
    main()
