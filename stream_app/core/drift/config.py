"""Settings and result of the drift detector."""

from dataclasses import dataclass

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.signals import Signal
from stream_app.errors import SettingsError

__all__ = ["DriftConfig", "DriftResult", "MultivariateConfig"]


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """Settings of a `DriftDetector`; the defaults are meant to stay.

    Parameters
    ----------
    false_alarm_rate : float
        False alarms per event that the whole source may raise, over all channels and kinds of change.
    warmup : int
        Events from which a reference is learned, at the start and after each alarm. The level of the
        reference is then known to about 0.03 standard deviations if events are independent.
    min_effect : float
        Smallest shift of level, in standard deviations, worth knowing of: shifts below half of it never
        alarm, shifts above it are found fastest. A quarter of a standard deviation moves the share of
        values beyond the old 97.5 % point from 2.5 to 4.4 %: below that a chart looks the same to the eye.
    correlation : bool
        Whether pairs of channels are watched.
    prepaid : float
        Alarms that count as raised before the first event: the bar begins so many doublings higher, and sinks as the
        budget accrues. For sources whose slow wander a first reference is too short to show.
    """

    false_alarm_rate: float = 1e-5
    warmup: int = 1000
    min_effect: float = 0.25
    correlation: bool = True
    prepaid: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.false_alarm_rate <= 0.1:
            raise SettingsError(
                f"false_alarm_rate is {self.false_alarm_rate!r}; expected a rate per event above 0, at most 0.1"
            )
        if not 0.0 <= self.prepaid < float("inf"):
            raise SettingsError(f"prepaid is {self.prepaid!r}; expected a number of alarms, 0 or more")
        if self.warmup < 200:
            raise SettingsError(f"warmup is {self.warmup}; a reference needs at least 200 events")
        if not 0.05 <= self.min_effect <= 1.0:
            raise SettingsError(
                f"min_effect is {self.min_effect!r}; expected 0.05 to 1 standard deviations of the reference"
            )


@dataclass(frozen=True, slots=True)
class MultivariateConfig:
    """Settings of a `MultivariateDriftDetector`; the defaults are meant to stay.

    Parameters
    ----------
    false_alarm_rate : float
        False alarms per event that it may raise.
    warmup : int
        Events from which a reference is learned, at the start and after each alarm; 200 to 2,000.
    min_effect, prepaid : float
        As in `DriftConfig`.
    seed : int
        Seed of the directions in which it looks.
    """

    false_alarm_rate: float = 1e-5
    warmup: int = 1000
    min_effect: float = 0.25
    prepaid: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        # The same bounds hold.
        DriftConfig(self.false_alarm_rate, self.warmup, self.min_effect, prepaid=self.prepaid)
        if self.warmup > 2000:
            raise SettingsError(
                f"warmup is {self.warmup}; a multivariate reference takes at most 2000 events"
            )


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
