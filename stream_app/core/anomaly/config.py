"""What an anomaly detector can be told, with defaults that hold for sensors of about one event a second."""

import math
from dataclasses import dataclass

from stream_app.errors import SettingsError

__all__ = ["AnomalyConfig"]


@dataclass(frozen=True, slots=True)
class AnomalyConfig:
    """Settings of `AnomalyDetector`. All spans are numbers of events.

    Parameters
    ----------
    warmup : int
        Events that are taken for normal and from which the reference is learned.
    fast, slow : int
        Spans of the two exponential means of every channel. The slow one decides, because single readings are
        noise; the fast one sees very large shifts at once and says when a shift is over.
    baseline : int
        Time constant of the level that the means are compared with. It follows a channel while the channel is
        normal and stands still while it is part of an anomaly. A change that takes much longer than this is
        drift, not an anomaly.
    hold : int
        Events in a row that have to be normal before an anomaly is over.
    adopt_after : int
        An anomaly that lasts this long is the new normal: it ends, and the reference is learned anew.
    wander : float
        Standard deviation, in scales of the raw channel, of slow changes of level that normal operation may
        have on top of what the short reference showed. It sets the smallest shift of interest: a shift of
        one raw standard deviation (the usual design shift of control charts) is worth 1 / wander at most.
    freedom : float
        Degrees of freedom that one independent reference event adds to the estimate of a channel's
        variance under autocorrelation; the rest is lost in estimating the correlation itself.
    leave : float
        Normal equivalent below which the fast mean of a channel counts as back (1 % two-sided at 2.5).
    recovered : float
        A channel also counts as back once its departure fell to this share of its largest: after a
        repair a process rarely returns to exactly the former level.
    fast_margin : float
        How much higher the fast mean has to rise than the slow one to begin an anomaly.
    clip : float
        Standardised readings are drawn in to this distance from the channel's recent level.
    variance_share : float
        Share of variance in the principal components that make the T-square; the rest makes Q.
    false_alarms_per_event : float
        False anomalies tolerated per event of normal operation; sets the level at which an anomaly
        begins and what it rises to after alarms (see `AlarmBudget`). The default is one an hour at
        one event a second.
    free_alarms : float
        Alarms in debt that do not raise the level yet (see `AlarmBudget`).
    false_changepoints_per_event : float
        The same for changepoints.
    flatline : bool
        Whether to watch for stuck channels.
    flatline_minimum : int
        Shortest run of equal values that may be called stuck.

    Raises
    ------
    SettingsError
        If a value is out of its range; the message names the key.

    Examples
    --------
    >>> AnomalyConfig(warmup=600).baseline
    200
    >>> AnomalyConfig(fast=0)
    Traceback (most recent call last):
    ...
    stream_app.errors.SettingsError: anomaly.fast: 0 is out of range; expected 1 or more
    """

    warmup: int = 400
    fast: int = 8
    slow: int = 16
    baseline: int = 200
    hold: int = 30
    adopt_after: int = 1000
    wander: float = 0.15
    freedom: float = 0.5
    leave: float = 2.5
    recovered: float = 0.3
    fast_margin: float = 1.0
    clip: float = 10.0
    variance_share: float = 0.8
    false_alarms_per_event: float = 1 / 3600
    free_alarms: float = 1.0
    false_changepoints_per_event: float = 1 / 3600
    flatline: bool = True
    flatline_minimum: int = 30

    def __post_init__(self) -> None:
        for name in ("fast", "slow", "baseline", "hold", "flatline_minimum"):
            self._require(name, low=1)
        self._require("warmup", low=2)
        self._require("adopt_after", low=self.hold)
        for name in ("freedom", "leave", "clip"):
            self._require(name, low=0.0, exclusive=True)
        for name in ("wander", "fast_margin", "recovered", "free_alarms"):
            self._require(name, low=0.0)
        for name in ("variance_share", "false_alarms_per_event", "false_changepoints_per_event"):
            self._require(name, low=0.0, exclusive=True)
            if getattr(self, name) >= 1.0:
                raise SettingsError(
                    f"anomaly.{name}: {getattr(self, name)} is out of range; expected less than 1"
                )
        if self.fast > self.slow or self.slow > self.baseline:
            raise SettingsError(
                f"anomaly.fast, slow, baseline: {self.fast}, {self.slow}, {self.baseline} are not in rising order"
            )

    def _require(self, name: str, *, low: float, exclusive: bool = False) -> None:
        value = getattr(self, name)
        if not math.isfinite(value) or value < low or (exclusive and value == low):
            wanted = f"more than {low:g}" if exclusive else f"{low:g} or more"
            raise SettingsError(f"anomaly.{name}: {value} is out of range; expected {wanted}")
