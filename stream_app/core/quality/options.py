"""Parameters of the quality checks."""

import math
from dataclasses import dataclass

from stream_app.errors import DataError

__all__ = ["QualityOptions"]


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """Parameters of `QualityMonitor`; the defaults are argued in ``docs/detection/quality.md``.

    Parameters
    ----------
    learn : int
        Observed values from which a channel's habits are learned, and events from which the source's rate is.
    sigma : float
        A value further from the learned median than this many robust standard deviations is suspicious.
    confirm, within : int
        Out-of-range and beyond-sigma alarms begin when ``confirm`` of the last ``within`` events are bad, and
        end when none is.
    missing_window : int
        Events over which the missing rate is watched.
    missing_least : int
        At least so many of them must be missing for an alarm.
    chance : float
        Probability per look that chance alone passes a learned limit (missing rate, run length, absence).
    stuck_least : int
        Shortest run of equal values to call a channel stuck.
    stuck_seconds : float
        And for at least so long in event time.
    gone_least : int
        A channel without a value for so many events, or more if it is rare, has disappeared.
    silence : float or None
        Seconds without an event after which the source is silent; None: learned.
    burst_window : int
        Events whose time span is watched for bursts.
    burst_factor : float
        A burst is this many times the learned rate.

    Raises
    ------
    DataError
        A value is out of its range.

    Examples
    --------
    >>> QualityOptions(silence=30.0).sigma
    10.0
    """

    learn: int = 300
    sigma: float = 10.0
    confirm: int = 3
    within: int = 20
    missing_window: int = 100
    missing_least: int = 10
    chance: float = 1e-9
    stuck_least: int = 20
    stuck_seconds: float = 10.0
    gone_least: int = 300
    silence: float | None = None
    burst_window: int = 100
    burst_factor: float = 5.0

    def __post_init__(self) -> None:
        for name in (
            "learn",
            "confirm",
            "within",
            "missing_window",
            "missing_least",
            "stuck_least",
            "gone_least",
        ):
            if getattr(self, name) < 1:
                raise DataError(f"quality: {name} must be at least 1, got {getattr(self, name)}")
        if self.stuck_least < 2:
            raise DataError(f"quality: stuck_least must be at least 2, got {self.stuck_least}")
        if self.learn <= self.burst_window or self.burst_window < 1:
            raise DataError(
                f"quality: learn ({self.learn}) must exceed burst_window ({self.burst_window}), both positive"
            )
        if self.confirm > self.within or self.missing_least > self.missing_window:
            raise DataError("quality: confirm cannot exceed within, nor missing_least missing_window")
        if not 0.0 < self.chance < 1.0:
            raise DataError(f"quality: chance lies between 0 and 1, got {self.chance}")
        if not (self.sigma > 0.0 and self.burst_factor > 1.0 and self.stuck_seconds >= 0.0):
            raise DataError(
                "quality: sigma must be positive, burst_factor above 1, stuck_seconds not negative"
            )
        if self.silence is not None and not (math.isfinite(self.silence) and self.silence > 0.0):
            raise DataError(f"quality: silence must be a positive number of seconds, got {self.silence}")
