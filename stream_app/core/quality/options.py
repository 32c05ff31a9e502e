"""Parameters of the quality checks."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.quality.records import MARKS, NEVER
from stream_app.errors import DataError

__all__ = ["QUALITY_OPTIONS", "QualityOptions", "quality_options"]

_COUNTS = (
    ("learn", 1, 30_000),
    ("confirm", 1, 30),
    ("within", 1, 30),
    ("missing_window", 1, 120),
    ("missing_least", 1, 120),
    ("stuck_least", 2, NEVER),
    ("gone_least", 1, NEVER),
    ("burst_window", MARKS, 30_000),
)
_NUMBERS = (("silence", 0.0, math.inf), ("burst_factor", 1.0, math.inf))


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """Parameters of the quality checks; the defaults are argued in ``docs/detection/quality.md``.

    Parameters
    ----------
    learn : int
        Observed values from which a channel's habits are learned, and events from which the source's rate is; at most
        30,000.
    confirm, within : int
        An alarm of values out of range begins when ``confirm`` of the last ``within`` events (at most 30) are, and ends
        when none is.
    missing_window : int
        Events over which the missing rate is watched, at most 120.
    missing_least : int
        At least so many of them must be missing for an alarm.
    chance : float
        Probability per look that chance alone passes a learned limit (missing rate, run length, absence).
    stuck_least : int or None
        Shortest run of equal values to call a channel stuck; None: no channel is.
    stuck_seconds : float
        And for at least so long in event time.
    gone_least : int
        A channel without a value for so many events, or more if it is rare, has disappeared.
    silence : float or None
        Seconds without an event after which the source is silent; None: learned; infinite: never.
    burst_window : int
        Events whose time span is watched for bursts, a multiple of ten.
    burst_factor : float or None
        A burst is this many times the usual rate; None: nothing is.

    Raises
    ------
    DataError
        A value is out of its range.

    Examples
    --------
    >>> QualityOptions(silence=30.0).stuck_least
    20
    """

    learn: int = 300
    confirm: int = 3
    within: int = 20
    missing_window: int = 100
    missing_least: int = 10
    chance: float = 1e-9
    stuck_least: int | None = 20
    stuck_seconds: float = 10.0
    gone_least: int = 300
    silence: float | None = None
    burst_window: int = 100
    burst_factor: float | None = 5.0

    def __post_init__(self) -> None:
        for name, least, most in _COUNTS:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise DataError(f"quality: {name} lies between {least} and {most}, got {value}")
        for name, low, high in _NUMBERS:
            value = getattr(self, name)
            if value is not None and not low < value <= high:
                raise DataError(f"quality: {name} must exceed {low:g}, got {value}")
        if not 0.0 < self.chance < 1.0:
            raise DataError(f"quality: chance lies between 0 and 1, got {self.chance}")
        if not self.stuck_seconds >= 0.0:
            raise DataError(f"quality: stuck_seconds cannot be negative, got {self.stuck_seconds}")
        if self.burst_window % MARKS or self.learn <= self.burst_window:
            raise DataError(
                f"quality: burst_window ({self.burst_window}) must be a multiple of {MARKS}, and learn ({self.learn}) "
                "exceed it"
            )
        if self.confirm > self.within or self.missing_least > self.missing_window:
            raise DataError("quality: confirm cannot exceed within, nor missing_least missing_window")


QUALITY_OPTIONS = np.dtype(
    [
        ("learn", np.int64),
        ("confirm", np.int64),
        ("within", np.int64),
        ("missing_window", np.int64),
        ("missing_least", np.int64),
        ("chance", np.float64),
        ("stuck_least", np.int64),  # NEVER: off
        ("stuck_seconds", np.float64),
        ("gone_least", np.int64),
        ("silence", np.float64),  # NaN: learned
        ("burst_window", np.int64),
        ("burst_factor", np.float64),  # infinite: off
    ],
    align=True,
)
"""`QualityOptions` as kernels read them."""


def quality_options(options: QualityOptions) -> npt.NDArray[Any]:
    """Lay options out for kernels, shape (1,).

    Examples
    --------
    >>> quality_options(QualityOptions(burst_factor=None))["burst_factor"]
    array([inf])
    """
    row = np.zeros(1, QUALITY_OPTIONS)
    unset = {"stuck_least": NEVER, "silence": math.nan, "burst_factor": math.inf}
    for name in QUALITY_OPTIONS.names or ():
        value = getattr(options, name)
        row[name] = unset[name] if value is None else value
    return row
