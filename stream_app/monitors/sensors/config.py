"""What a sensor monitor is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream_app.errors import SettingsError
from stream_app.monitors.extra_detectors import ExtraDetector

__all__ = ["SensorConfig"]


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
    draws : bool
        Whether each event is another thing, such as an image, and not a reading of one process. An odd one is no fault
        then, and nothing wanders, sticks or falls silent by itself: only changes of what comes are told, as
        drift, of each channel and of all together.
    window_seconds, window_rows
        Length of the rolling windows (None: by count), and the most rows they keep.
    lateness, max_future, cooldown, resolve_after : float
        Seconds.
    source_ttl : float
        Seconds of its own event time after which a source that comes back starts cold.
    silent_after : float or None
        Seconds without events after which a source is silent; learned where None.
    extra : tuple of ExtraDetector
        Detectors beside the default ones. They keep no budget.
    """

    stream: str = "sensors"
    channels: tuple[str, ...] | None = None
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    budget: str = "1 per day"
    sources: int = 1
    warmup: int = 400
    draws: bool = False
    window_seconds: float | None = 60.0
    window_rows: int = 120
    lateness: float = 60.0
    max_future: float = 86_400.0
    source_ttl: float = 604_800.0
    silent_after: float | None = None
    cooldown: float = 300.0
    resolve_after: float = 300.0
    extra: tuple[ExtraDetector, ...] = ()

    def __post_init__(self) -> None:
        if self.window_rows < 1:
            raise SettingsError(f"window_rows: {self.window_rows}; expected 1 or more")
