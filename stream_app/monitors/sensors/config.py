"""What a sensor monitor is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["RiverChoice", "SensorConfig"]


@dataclass(frozen=True, slots=True)
class RiverChoice:
    """A River detector to run on each channel.

    Parameters
    ----------
    name : str
        Known or dotted name.
    parameters : mapping
        For its constructor.
    channels : tuple of str or None
        The channels; all of them where None.
    every : int
        Feed every n-th event.
    alert : bool
        Whether its signals raise alerts.
    """

    name: str
    parameters: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    channels: tuple[str, ...] | None = None
    every: int = 1
    alert: bool = True


@dataclass(frozen=True, slots=True)
class SensorConfig:
    """Settings of a sensor monitor.

    Parameters
    ----------
    stream : str
        Name of the stream; part of each alert's identity.
    channels : tuple of str or None
        Declared channels; None to learn them.
    limits : mapping of str to (min, max)
        Readings outside are a quality problem.
    budget : str
        False alarms allowed for the whole stream, such as ``"1 per day"``.
    sources : int
        Over how many sources the budget is divided.
    warmup : int
        Events of a source from which its reference is learned.
    window_seconds, window_rows
        Length of the rolling windows, and the most rows they keep.
    lateness, max_future, silent_after, cooldown, resolve_after : float
        Seconds.
    river : tuple of RiverChoice
        River detectors beside the default ones.
    """

    stream: str = "sensors"
    channels: tuple[str, ...] | None = None
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    budget: str = "1 per day"
    sources: int = 1
    warmup: int = 400
    window_seconds: float = 60.0
    window_rows: int = 300
    lateness: float = 60.0
    max_future: float = 86_400.0
    silent_after: float = 600.0
    cooldown: float = 300.0
    resolve_after: float = 300.0
    river: tuple[RiverChoice, ...] = ()
