"""The physics of the water loop: one pump drives water through a valve, eight sensors watch it.

The pump's head falls with the square of the flow (``H = s² H0 - a Q²``, affinity laws), the pipe's
resistance rises with it (``H = r Q²``); where they meet is the operating point. Shaft power, current,
vibration and heat follow from there, so a fault in one place is seen by the sensors that would see it in a
real loop. Temperatures answer through first-order lags; noise is autocorrelated where the real thing is.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.water_loop.faults import CHANNELS
from stream_app.errors import DataError

__all__ = ["Disturbance", "Plant", "WaterLoop"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

NOISES = 16
"""Independent normal innovations per event, drawn row by row so that blocks of any size see the same ones."""


@dataclass(frozen=True, slots=True)
class WaterLoop:
    """Settings of one loop: sampling and operating point.

    Parameters
    ----------
    period : float
        Seconds between two events.
    start : float
        Event time of the first event, epoch seconds.
    flow, pressure, current, voltage : float
        Nominal operating point in l/min, bar, A and V.
    vibration : tuple of float
        RMS of the two accelerometers in g.
    ambient, motor_rise, water_rise : float
        Room temperature and how much warmer the motor and the water run, in °C.
    motor_lag, water_lag, ambient_lag : float
        Time constants of the slow dynamics in seconds.
    ambient_wander : float
        Standard deviation of the room's stationary temperature wander in °C.
    noise : float
        Factor on all measurement noise; 0 leaves the physics and the quantisation.

    Raises
    ------
    DataError
        When a number is not positive where it must be.
    """

    period: float = 1.0
    start: float = 1_700_000_000.0
    flow: float = 125.0
    pressure: float = 1.2
    current: float = 2.4
    voltage: float = 230.0
    vibration: tuple[float, float] = (0.21, 0.27)
    ambient: float = 24.0
    motor_rise: float = 65.0
    water_rise: float = 4.5
    motor_lag: float = 900.0
    water_lag: float = 1500.0
    ambient_lag: float = 900.0
    ambient_wander: float = 0.3
    noise: float = 1.0

    def __post_init__(self) -> None:
        positive = (
            "period",
            "flow",
            "pressure",
            "current",
            "voltage",
            "motor_lag",
            "water_lag",
            "ambient_lag",
        )
        for name in positive:
            if not 0.0 < getattr(self, name) < np.inf:
                raise DataError(f"water loop: {name} must be a finite number above 0")
        if not (0.0 <= self.noise < np.inf and 0.0 <= self.ambient_wander < np.inf):
            raise DataError("water loop: noise and ambient_wander must be finite and at least 0")

    @property
    def typical_sd(self) -> FloatArray:
        """Standard deviation of each channel in normal running, in the channel's unit, shape (8,)."""
        a1, a2 = self.vibration
        return np.array(
            [
                0.020 * a1,
                0.020 * a2,
                0.047 * self.current,
                0.027 * self.pressure,
                0.006 * self.motor_rise,
                0.6 * self.ambient_wander,
                0.022 * self.voltage,
                0.0052 * self.flow,
            ]
        )


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What physical faults do to the loop at each event; every array has shape (n,), 0 is healthy.

    `closing` is the added closing of the valve, `cavitation` and `imbalance` the size of those faults,
    `leak` the share of the flow that is lost before the sensors.
    """

    closing: FloatArray
    cavitation: FloatArray
    imbalance: FloatArray
    leak: FloatArray

    @classmethod
    def none(cls, n: int) -> "Disturbance":
        """Return the healthy loop for n events."""
        zero = np.zeros(n)
        return cls(zero, zero, zero, zero)


@dataclass(slots=True)
class Plant:
    """The running loop: turns innovations into sensor values, keeping the carries between blocks.

    Parameters
    ----------
    config : WaterLoop
    rng : numpy.random.Generator
        The only source of randomness; consumed row by row.
    """

    config: WaterLoop
    rng: np.random.Generator
    _carry: dict[str, float] = field(default_factory=dict)

    def burn_in(self) -> None:
        """Run the loop unseen for eight of its longest time constants, so that it begins stationary."""
        slowest = max(self.config.motor_lag, self.config.water_lag, self.config.ambient_lag, 300.0)
        left = int(np.ceil(8.0 * slowest / self.config.period))
        while left:
            n = min(left, 65_536)
            self.step(Disturbance.none(n))
            left -= n

    def step(self, faults: Disturbance) -> FloatArray:
        """Advance by as many events as `faults` has.

        Returns
        -------
        ndarray (n, 8)
            True sensor values before quantisation, in the order of `CHANNELS`.
        """
        c = self.config
        z = self.rng.standard_normal((len(faults.leak), NOISES)).T
        mains = self._wander("mains", z[0], 300.0) * 0.0045
        volts = 1.0 + mains + 0.022 * c.noise * z[1]
        speed = 1.0 + 0.3 * mains + 0.0025 * self._wander("speed", z[2], 5.0)
        turbulence = self._wander("turbulence", z[3], 3.0) * (1.0 + 3.0 * faults.cavitation)

        # Operating point, relative to nominal: head 1 = 5/3 (shut-off) - 2/3 Q², and head = r Q².
        resistance = np.square(1.0 + 1.2 * faults.closing) * np.square(1.0 - faults.leak)
        shutoff = np.square(speed) * (1.0 - 0.10 * faults.cavitation)
        flow = np.sqrt(5.0 * shutoff / (2.0 + 3.0 * resistance)) * (1.0 + 0.004 * turbulence)
        head = resistance * np.square(flow)
        power = 0.45 * speed * speed * speed + 0.55 * flow * head + 0.03 * faults.imbalance

        out = np.empty((len(speed), len(CHANNELS)))
        self._vibration(out, z, flow, speed, faults)
        out[:, 2] = c.current * (
            power * (1.0 + 0.6 * (volts - 1.0)) + 0.045 * c.noise * self._ar("amp", z[4], 0.2)
        )
        out[:, 3] = c.pressure * (head + 0.025 * c.noise * self._ar("bar", z[5], 0.15))
        self._heat(out, z, flow, power)
        out[:, 6] = c.voltage * volts
        through = self._lag("through", flow * (1.0 - faults.leak), 2.0, 1.0)
        out[:, 7] = c.flow * (through + 0.003 * c.noise * z[9])
        return out

    def _vibration(
        self, out: FloatArray, z: FloatArray, flow: FloatArray, speed: FloatArray, faults: Disturbance
    ) -> None:
        """Vibration grows with speed and off the best-efficiency point; the machine's two ends share it."""
        c = self.config
        off = flow - 1.0
        level = speed * speed + 0.6 * off * off
        shared = 0.012 * self._wander("shake", z[10], 60.0)
        burst = faults.cavitation * (0.35 + 0.12 * np.abs(z[11]))
        for column, (nominal, imbalance, own, white) in enumerate(
            ((c.vibration[0], 0.35, z[12], z[13]), (c.vibration[1], 0.20, z[14], z[15]))
        ):
            hum = 0.010 * self._wander(f"hum{column}", own, 20.0)
            gain = 1.0 + imbalance * faults.imbalance + burst
            out[:, column] = nominal * level * gain * (1.0 + shared + c.noise * (hum + 0.010 * white))

    def _heat(self, out: FloatArray, z: FloatArray, flow: FloatArray, power: FloatArray) -> None:
        """Losses warm the motor, the pump warms the water; both towards a room that wanders."""
        c = self.config
        room = c.ambient + c.ambient_wander * self._wander("room", z[6], c.ambient_lag)
        motor = self._lag("motor", room + c.motor_rise * power * power, c.motor_lag, c.ambient + c.motor_rise)
        warming = c.water_rise * power / np.maximum(flow, 0.05)
        water = self._lag("water", room + warming, c.water_lag, c.ambient + c.water_rise)
        out[:, 4] = motor + 0.15 * c.noise * self._ar("body", z[7], 0.5)
        out[:, 5] = water + 0.01 * c.noise * z[8]

    def _wander(self, name: str, innovations: FloatArray, tau: float) -> FloatArray:
        """Return an autoregressive process of unit variance with the time constant `tau` (seconds)."""
        return self._ar(name, innovations, float(np.exp(-self.config.period / tau)))

    def _ar(self, name: str, innovations: FloatArray, phi: float) -> FloatArray:
        return self._recur(name, innovations, phi, float(np.sqrt(1.0 - phi * phi)), 0.0)

    def _lag(self, name: str, x: FloatArray, tau: float, begin: float) -> FloatArray:
        phi = float(np.exp(-self.config.period / tau))
        return self._recur(name, x, phi, 1.0 - phi, begin)

    def _recur(self, name: str, x: FloatArray, phi: float, gain: float, begin: float) -> FloatArray:
        """Run ``y = phi y + gain x`` over the block, from the carry of the block before."""
        from scipy.signal import lfilter  # noqa: PLC0415  only who simulates needs it, and it takes a second

        zi = self._carry.get(name, phi * begin)
        y, zf = lfilter([gain], [1.0, -phi], x, zi=[zi])
        self._carry[name] = float(zf[0])
        return np.asarray(y, dtype=np.float64)
