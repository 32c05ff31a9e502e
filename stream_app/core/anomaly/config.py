"""What an anomaly detector can be told."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.errors import SettingsError

__all__ = ["OPTIONS", "AnomalyConfig"]

OPTIONS = np.dtype([("warmup", np.int64)], align=True)
"""The settings as a kernel reads them."""


@dataclass(frozen=True, slots=True)
class AnomalyConfig:
    """Settings of `AnomalyDetector`.

    There is one: what is usual, how heavy tails are and how much evidence an alarm takes is learned from each source; how
    many false alarms are allowed is the budget's to say.

    Parameters
    ----------
    warmup : int
        Events that a source is watched for before it is judged. Where the budget allows an alarm in fewer events than
        twice as many, it is judged from then on, but not before a quarter of them: a history as long as the usual time between two false
        alarms says how often an event is odd. Also the events after which a level at which a channel stays is a new normal.

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

    def __post_init__(self) -> None:
        if self.warmup < 2:
            raise SettingsError(f"anomaly.warmup: {self.warmup} is out of range; expected 2 or more")

    def options(self) -> npt.NDArray[Any]:
        """Return the settings as an array of one record, for a kernel.

        >>> int(AnomalyConfig().options()[0]["warmup"])
        400
        """
        return np.array([(self.warmup,)], OPTIONS)
