"""Configuration of the session monitor."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream_app.core.features import FeatureView
from stream_app.errors import DataError

__all__ = ["SessionConfig"]


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Settings of a session monitor.

    Parameters
    ----------
    views : tuple of FeatureView
        What is kept of each entity; several versions of a view may be among them.
    stream : str
        Name of the stream; that of all views.
    limits : mapping of str to (min, max)
        Value to its bounds, None for no bound; an event with a number outside is refused. ``{"amount": (0.0, None)}``
        refuses negative amounts.
    max_future : float
        Seconds; an event whose time is more than that after its record's own is refused, because every honest one
        of its entity would be late after it.

    Raises
    ------
    DataError
        If two views have the same name and version, or one is of another stream.
    """

    views: tuple[FeatureView, ...]
    stream: str = "sessions"
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    max_future: float = 86_400.0

    def __post_init__(self) -> None:
        keys = [view.key for view in self.views]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise DataError(f"stream {self.stream}: feature view {twice[0]} is defined twice")
        for view in self.views:
            if view.stream != self.stream:
                raise DataError(
                    f"feature view {view.key} is of stream {view.stream!r}, not of {self.stream!r}"
                )
