"""Options of the anomaly detector."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.anomaly.calendar import calendar_options
from stream_app.core.arrays import FloatArray, IntArray
from stream_app.errors import SettingsError

__all__ = ["OPTIONS", "AnomalyConfig"]

OPTIONS = np.dtype([("warmup", np.int64)], align=True)
"""The settings as a kernel reads them."""


@dataclass(frozen=True, slots=True)
class AnomalyConfig:
    """Settings of `AnomalyDetector`.

    They are few: what is usual, how heavy tails are and how much evidence an alarm takes is learned from each source; how
    many false alarms are allowed is the budget's to say.

    Parameters
    ----------
    warmup : int
        Events that a source is watched for before it is judged. Where the budget allows an alarm in fewer events than
        twice as many, it is judged from then on, but not before a quarter of them: a history as long as the usual time between two false
        alarms says how often an event is odd. Also the events after which a level at which a channel stays is a new normal.
    periods : sequence of float
        Lengths of the seasons to look for, in seconds. Each is taken off a channel only where that lowers the error of its forecast.
    timezone : str
        IANA name of the zone by whose clock seasons go.
    holidays : sequence of str
        Dates, such as ``"2026-12-25"``, on which a week's season is that of a Sunday.

    Raises
    ------
    SettingsError
        If a value is out of its range; the message names the key.

    Examples
    --------
    >>> AnomalyConfig(warmup=0)
    Traceback (most recent call last):
    ...
    stream_app.errors.SettingsError: anomaly.warmup: 0 is out of range; expected 2 or more
    """

    warmup: int = 400
    periods: tuple[float, ...] = (86_400.0,)
    timezone: str = "UTC"
    holidays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.warmup < 2:
            raise SettingsError(f"anomaly.warmup: {self.warmup} is out of range; expected 2 or more")
        # A state that was stored has lists.
        object.__setattr__(self, "periods", tuple(self.periods))
        object.__setattr__(self, "holidays", tuple(self.holidays))
        self.calendar()

    def options(self) -> npt.NDArray[Any]:
        """Return the settings as an array of one record, for a kernel.

        Examples
        --------
        >>> int(AnomalyConfig().options()[0]["warmup"])
        400
        """
        return np.array([(self.warmup,)], OPTIONS)

    def calendar(self) -> tuple[npt.NDArray[Any], FloatArray, IntArray, npt.NDArray[Any]]:
        """Return the seasons' calendar, for a kernel; see `calendar_options`.

        Examples
        --------
        >>> AnomalyConfig(periods=(86400, 604800)).calendar()[0]["bins"].tolist()
        [48, 168]
        """
        return calendar_options(self.periods, self.timezone, self.holidays)
