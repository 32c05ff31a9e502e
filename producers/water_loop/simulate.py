"""Simulated recordings of the water loop with exact ground truth: whole, or block by block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.water_loop.faults import CHANNELS, Fault, envelope
from producers.water_loop.physics import Disturbance, Plant, WaterLoop
from stream_app.errors import DataError

__all__ = ["Recording", "simulate", "stream"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]

DRIFT_SD = 6.0
"""How many typical standard deviations a drifting sensor of magnitude 1 is off at its end."""

# Pressure, temperature and flow come from coarse converters: steps per unit, 0 for a continuous channel.
PER_UNIT = np.array([0.0, 0.0, 0.0, 50.0, 20.0, 0.0, 0.0, 4.0])


@dataclass(frozen=True, slots=True)
class Recording:
    """Events of one loop with their ground truth.

    Attributes
    ----------
    ts : ndarray (n,)
        Event time, epoch seconds.
    values : ndarray (n, 8)
        Sensor values, columns as in `channels`.
    channels : tuple of str
    anomaly : ndarray of bool (n,)
        True while any fault is present.
    changepoint : ndarray of bool (n,)
        True at the first event of each fault and at the first event after it.
    fault : ndarray of int (n,)
        Which fault of `faults` is present (the one that began last), -1 for none.
    faults : tuple of Fault
    """

    ts: FloatArray
    values: FloatArray
    channels: tuple[str, ...]
    anomaly: BoolArray
    changepoint: BoolArray
    fault: IntArray
    faults: tuple[Fault, ...]

    def __len__(self) -> int:
        return len(self.ts)


def simulate(config: WaterLoop, n: int, seed: int | Sequence[int], faults: Sequence[Fault] = ()) -> Recording:
    """Simulate `n` events at once.

    Use it for tests, benchmarks and A/A runs. Without faults the result is stationary: it wanders
    (rooms get warmer and colder, vibration swells and fades), but nothing lasting changes.

    Parameters
    ----------
    config : WaterLoop
    n : int
        Number of events.
    seed : int or sequence of int
        Same seed, same events, bit for bit; another seed is another loop of the same kind.
    faults : sequence of Fault

    Returns
    -------
    Recording

    Examples
    --------
    >>> recording = simulate(WaterLoop(), 1000, seed=7, faults=[Fault("leak", start=600, duration=100)])
    >>> recording.values.shape, int(recording.anomaly.sum()), np.flatnonzero(recording.changepoint).tolist()
    ((1000, 8), 100, [600, 700])
    """
    blocks = list(stream(config, seed, faults, limit=n))
    if not blocks:
        raise DataError("a simulation needs at least one event")
    return Recording(
        ts=np.concatenate([b.ts for b in blocks]),
        values=np.concatenate([b.values for b in blocks]),
        channels=CHANNELS,
        anomaly=np.concatenate([b.anomaly for b in blocks]),
        changepoint=np.concatenate([b.changepoint for b in blocks]),
        fault=np.concatenate([b.fault for b in blocks]),
        faults=tuple(faults),
    )


def stream(
    config: WaterLoop,
    seed: int | Sequence[int],
    faults: Sequence[Fault] = (),
    *,
    limit: int | None = None,
    block: int = 8192,
) -> Iterator[Recording]:
    """Simulate block by block in constant memory, without end unless `limit` is given.

    The events do not depend on `block`.

    Parameters
    ----------
    config : WaterLoop
    seed : int or sequence of int
    faults : sequence of Fault
    limit : int or None
        Number of events in all.
    block : int
        Events a block; the last one may be shorter.

    Yields
    ------
    Recording
    """
    if block < 1 or (limit is not None and limit < 0):
        raise DataError("a simulation needs block >= 1 and limit >= 0")
    plant = Plant(config, np.random.default_rng(seed))
    plant.burn_in()
    held: dict[int, float] = {}
    before = np.full(len(CHANNELS), np.nan)
    done = 0
    while limit is None or done < limit:
        n = block if limit is None else min(block, limit - done)
        # One more moment in front, so that a changepoint at the block's first event is seen.
        elapsed = np.arange(done - 1, done + n, dtype=np.float64) * config.period
        anomaly, changepoint, fault = _truth(elapsed, faults)
        values = plant.step(_disturbance(elapsed[1:], faults))
        _break_sensors(values, elapsed[1:], faults, config, held, before)
        coarse = PER_UNIT > 0.0
        values[:, coarse] = np.round(values[:, coarse] * PER_UNIT[coarse]) / PER_UNIT[coarse]
        before = values[-1].copy()
        yield Recording(
            config.start + elapsed[1:], values, CHANNELS, anomaly, changepoint, fault, tuple(faults)
        )
        done += n


def _disturbance(elapsed: FloatArray, faults: Sequence[Fault]) -> Disturbance:
    """Add up the physical faults; two leaks leak more than one."""
    size = {
        name: np.zeros(len(elapsed)) for name in ("valve_closing", "cavitation", "rotor_imbalance", "leak")
    }
    for fault in faults:
        if fault.name in size:
            size[fault.name] += fault.magnitude * envelope(fault, elapsed)
    lost = 1.0 - 1.0 / (1.0 + 0.136 * size["leak"])
    return Disturbance(size["valve_closing"], size["cavitation"], size["rotor_imbalance"], lost)


def _break_sensors(
    values: FloatArray,
    elapsed: FloatArray,
    faults: Sequence[Fault],
    config: WaterLoop,
    held: dict[int, float],
    before: FloatArray,
) -> None:
    """Apply sensor faults in place; `held` keeps what a stuck sensor shows from block to block."""
    for fault in faults:
        if fault.name == "sensor_drift":
            column = CHANNELS.index(fault.channel)
            size = DRIFT_SD * config.typical_sd[column] * fault.magnitude
            values[:, column] += size * envelope(fault, elapsed)
    # After the drifts, and in order of time: a stuck sensor shows what it showed last, whatever else it has.
    for number in sorted(range(len(faults)), key=lambda i: faults[i].start):
        fault = faults[number]
        rows = np.flatnonzero((elapsed >= fault.start) & (elapsed < fault.end))
        if fault.name != "sensor_stuck" or fault.magnitude == 0.0 or not len(rows):
            continue
        column = CHANNELS.index(fault.channel)
        if number not in held:
            last = values[rows[0] - 1, column] if rows[0] else before[column]
            held[number] = float(last if np.isfinite(last) else values[rows[0], column])
        values[rows, column] = held[number]


def _truth(elapsed: FloatArray, faults: Sequence[Fault]) -> tuple[BoolArray, BoolArray, IntArray]:
    """Ground truth of the events `elapsed[1:]`; `elapsed[0]` is the moment before them."""
    fault = np.full(len(elapsed), -1, dtype=np.int64)
    changepoint = np.zeros(len(elapsed) - 1, dtype=np.bool_)
    for number in sorted(range(len(faults)), key=lambda i: faults[i].start):
        present = (elapsed >= faults[number].start) & (elapsed < faults[number].end)
        fault[present] = number
        changepoint |= present[1:] != present[:-1]
    return fault[1:] >= 0, changepoint, fault[1:]
