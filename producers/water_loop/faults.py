"""Faults of the water loop: what breaks, when, how much and how fast; and drawing a schedule of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from stream_app.errors import DataError

__all__ = ["CHANNELS", "FAULT_NAMES", "Fault", "FaultName", "Onset", "draw_faults", "envelope"]

FaultName: TypeAlias = Literal[
    "valve_closing", "cavitation", "rotor_imbalance", "leak", "sensor_stuck", "sensor_drift"
]
Onset: TypeAlias = Literal["sudden", "linear", "exponential"]
FloatArray: TypeAlias = npt.NDArray[np.float64]

FAULT_NAMES: tuple[FaultName, ...] = get_args(FaultName)
CHANNELS: tuple[str, ...] = (
    "accelerometer_1",
    "accelerometer_2",
    "current",
    "pressure",
    "temperature",
    "thermocouple",
    "voltage",
    "flow",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault with its exact beginning and end.

    Parameters
    ----------
    name : {'valve_closing', 'cavitation', 'rotor_imbalance', 'leak', 'sensor_stuck', 'sensor_drift'}
        What breaks. The first four change the physics, so that all coupled channels answer; the last two
        change what one sensor reports.
    start, duration : float
        Seconds of event time; ``start`` counts from the first event of the recording.
    magnitude : float
        1 is a fault that an operator would call plain: a valve closed to 45 %, 35 % more vibration, 12 %
        of the flow lost, a sensor off by six of its standard deviations at the end. 0 is no fault.
    onset : {'sudden', 'linear', 'exponential'}
        How the fault grows over `rise` seconds. A drifting sensor always grows linearly, up to its end.
    rise : float
        Seconds until full size (for 'exponential' until 95 % of it); not used by 'sudden'.
    channel : str
        The sensor that sticks or drifts; other faults do not use it.

    Raises
    ------
    DataError
        When a parameter is out of its range or the name is unknown.

    Examples
    --------
    >>> Fault("leak", start=600, duration=120).end
    720.0
    """

    name: FaultName
    start: float
    duration: float
    magnitude: float = 1.0
    onset: Onset = "linear"
    rise: float = 10.0
    channel: str = "flow"

    def __post_init__(self) -> None:
        if self.name not in FAULT_NAMES:
            raise DataError(f"unknown fault {self.name!r}: expected one of {', '.join(FAULT_NAMES)}")
        if self.onset not in get_args(Onset):
            raise DataError(f"fault {self.name}: onset {self.onset!r} is not sudden, linear or exponential")
        if self.channel not in CHANNELS:
            raise DataError(
                f"fault {self.name}: no channel {self.channel!r}; the loop has {', '.join(CHANNELS)}"
            )
        limits = {"start": 0.0, "magnitude": 0.0, "rise": 0.0}
        for field, low in limits.items():
            if not low <= getattr(self, field) < np.inf:
                raise DataError(f"fault {self.name}: {field} must be finite and at least {low:g}")
        if not 0.0 < self.duration < np.inf:
            raise DataError(f"fault {self.name}: duration must be a finite number above 0")

    @property
    def end(self) -> float:
        """The first moment without the fault, in seconds from the first event."""
        return float(self.start + self.duration)


def envelope(fault: Fault, elapsed: FloatArray) -> FloatArray:
    """Size of a fault at given moments, from 0 (absent) to 1 (full), without its magnitude.

    Parameters
    ----------
    fault : Fault
    elapsed : ndarray (n,)
        Seconds from the first event of the recording.

    Returns
    -------
    ndarray (n,)
    """
    since = elapsed - fault.start
    if fault.name == "sensor_drift":
        size = since / fault.duration
    elif fault.onset == "sudden" or fault.rise == 0.0:
        size = np.ones_like(since)
    elif fault.onset == "linear":
        size = np.minimum(since / fault.rise, 1.0)
    else:
        size = 1.0 - np.exp(-3.0 * np.maximum(since, 0.0) / fault.rise)
    return np.where((since >= 0.0) & (elapsed < fault.end), size, 0.0)


def draw_faults(
    count: int,
    span: float,
    seed: int,
    *,
    names: Sequence[FaultName] = FAULT_NAMES,
    clear: float = 0.2,
) -> tuple[Fault, ...]:
    """Draw a schedule of faults that do not overlap, each in its own stretch of the recording.

    Parameters
    ----------
    count : int
        How many faults; names are taken in a shuffled order, each once before any comes twice.
    span : float
        Length of the recording in seconds.
    seed : int
        Same seed, same schedule.
    names : sequence of str
        Which faults may be drawn.
    clear : float
        Share of the recording at its beginning that stays free of faults, for fitting a reference.

    Returns
    -------
    tuple of Fault
        In order of their start.

    Raises
    ------
    DataError
        When the numbers leave no room for the faults.

    Examples
    --------
    >>> [f.name for f in draw_faults(2, 3600.0, seed=1)] == [f.name for f in draw_faults(2, 3600.0, seed=1)]
    True
    """
    if count < 0 or span <= 0.0 or not names or not 0.0 <= clear < 1.0:
        raise DataError(
            "a fault schedule needs count >= 0, span > 0, 0 <= clear < 1 and a fault to draw from"
        )
    rng = np.random.default_rng([seed, 0xFA])
    order: list[FaultName] = []
    while len(order) < count:
        order.extend(names[i] for i in rng.permutation(len(names)))
    stretch = span * (1.0 - clear) / max(count, 1)
    faults = []
    for i, name in enumerate(order[:count]):
        duration = stretch * rng.uniform(0.25, 0.45)
        start = span * clear + stretch * i + rng.uniform(0.1, 0.4) * stretch
        faults.append(
            Fault(
                name,
                start=float(start),
                duration=float(duration),
                magnitude=float(rng.uniform(0.8, 1.2)),
                onset="sudden" if rng.random() < 0.5 else "linear",
                rise=float(duration * 0.1),
                channel=CHANNELS[int(rng.integers(len(CHANNELS)))],
            )
        )
    return tuple(faults)
