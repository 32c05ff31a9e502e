"""Settings and result of the drift detectors."""

from dataclasses import dataclass

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.signals import Signal
from stream_app.errors import SettingsError

__all__ = ["DriftConfig", "DriftResult", "DriftVerdict", "MultivariateConfig"]

_MOST_WARMUP = 20_000
_MOST_MULTIVARIATE_WARMUP = 2000


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """Settings of a `DriftDetector`; the defaults are meant to stay.

    Parameters
    ----------
    false_alarm_rate : float
        False alarms per event that the whole source may raise, over all channels and kinds of change.
    warmup : int
        Events from which a reference is learned, at the start and after each alarm; 200 to 20,000. The level of the
        reference is then known to about 0.03 standard deviations if events are independent.
    min_effect : float
        Smallest shift of level, in standard deviations, worth knowing of: shifts below half of it never
        alarm, shifts above it are found fastest. A quarter of a standard deviation moves the share of
        values beyond the old 97.5 % point from 2.5 to 4.4 %: below that a chart looks the same to the eye.
    correlation : bool
        Whether pairs of channels are watched.
    prepaid : bool
        Whether thresholds begin ``log10(1 / (rate warmup))`` doublings higher, one for each factor of ten by which the
        reference is extrapolated, and sink as the budget accrues; and whether a reference is as long as a two-hundredth of the
        time between two alarms that the rate allows, up to 20,000 events. For sources whose slow wander a short reference
        does not show; independent draws have none.
    """

    false_alarm_rate: float = 1e-5
    warmup: int = 1000
    min_effect: float = 0.25
    correlation: bool = True
    prepaid: bool = False

    def __post_init__(self) -> None:
        _check(self.false_alarm_rate, self.warmup, self.min_effect, _MOST_WARMUP)


@dataclass(frozen=True, slots=True)
class MultivariateConfig:
    """Settings of a `MultivariateDriftDetector`; the defaults are meant to stay.

    Parameters
    ----------
    false_alarm_rate : float
        False alarms per event that it may raise.
    warmup : int
        Events from which a reference is learned, at the start and after each alarm; 200 to 2,000.
    min_effect : float
        As in `DriftConfig`.
    seed : int
        Seed of the directions in which it looks.
    """

    false_alarm_rate: float = 1e-5
    warmup: int = 1000
    min_effect: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.false_alarm_rate, self.warmup, self.min_effect, _MOST_MULTIVARIATE_WARMUP)


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a batch did.

    Parameters
    ----------
    drift : ndarray of bool, shape (n,)
        Events at which an alarm was raised.
    statistic : ndarray of float, shape (n,)
        Strongest evidence over its threshold: 1 or more is an alarm; 0 while a reference is learned.
    signals : list of Signal
        One per alarm, in the order of the rows.
    """

    drift: BoolArray
    statistic: FloatArray
    signals: list[Signal]


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What an event did; see `DriftResult`."""

    drift: bool
    statistic: float
    signals: list[Signal]


def _check(rate: float, warmup: int, min_effect: float, most: int) -> None:
    if not 0.0 < rate <= 0.1:
        raise SettingsError(f"false_alarm_rate is {rate!r}; expected a rate per event above 0, at most 0.1")
    if not 200 <= warmup <= most:
        raise SettingsError(f"warmup is {warmup}; a reference is learned from 200 to {most} events")
    if not 0.05 <= min_effect <= 1.0:
        raise SettingsError(
            f"min_effect is {min_effect!r}; expected 0.05 to 1 standard deviations of the reference"
        )
