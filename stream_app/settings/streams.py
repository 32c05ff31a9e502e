"""What the monitor file says of one stream."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from stream_app.settings.detectors import DetectorSettings
from stream_app.settings.durations import Duration
from stream_app.settings.predictions import PredictionStream
from stream_app.settings.table import Table
from stream_app.settings.views import ViewSettings

__all__ = [
    "ChannelSettings",
    "ImageStream",
    "SensorStream",
    "SessionStream",
    "StreamSettings",
]


class ChannelSettings(Table):
    """Limits of one number: readings outside are a quality problem, session events outside are refused.

    Parameters
    ----------
    min, max : float, optional
        The smallest and the largest valid value.
    """

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and not self.min < self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        return self


def _named(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return value
    raise ValueError('a list of channel names or a table of limits is expected, like ["flow", "pressure"]')


_EVENTS = re.compile(r"\s*(\d+)\s+events?\s*", re.IGNORECASE)


def _window(value: Any) -> Any:
    # "300 events" is a window without a time; `_by_count` reads its length.
    return None if isinstance(value, str) and _EVENTS.fullmatch(value) else value


class SensorStream(Table):
    """A stream of sensor readings and how it is watched.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``sensor.readings`` under the prefix.
    channels : list or table, optional
        The channels that every reading must have: their names, or a table of name to limits. Learned by default.
    budget : str
        False alarms allowed over all sources, channels and detectors of the stream, such as ``"2 per 30 days"`` or
        ``"3 per 100000 events"``.
    warmup : int
        Events of a source from which its reference is learned.
    reference : str, optional
        A CSV, JSONL or Parquet file of normal operation of one source. Detectors learn from it before the first event, instead of
        a warm-up.
    window : duration or "N events"
        Length of the rolling windows whose statistics are served as live features, in event time or in events.
    window_rows : int
        The most events that a window by time keeps.
    lateness : duration
        Readings that are older than the newest one of their source by more than this are dead letters.
    max_future : duration
        Readings whose time is later than their record's own by more than this are dead letters.
    source_ttl : duration
        A source without events for longer is forgotten, and starts cold when it comes back. At least `lateness`.
    max_sources : int
        Most sources of a partition; of more, the one without events for longest is forgotten.
    expected_sources : int
        The number of sources over which the budget is divided.
    silent_after : duration, optional
        A source without events for longer is silent. Learned from its own gaps by default.
    cooldown : duration
        An alert does not fire again for so long after it was resolved; what still lasts then fires then.
    resolve_after : duration
        An alert about a moment (drift, changepoint) is resolved after so long.
    feature_ttl : duration
        Live features of a source without events are kept for so long.
    detectors : list of tables
        Detectors beside the default ones. They keep no budget.
    """

    kind: Literal["sensors", "images"] = "sensors"
    topic: str | None = None
    channels: Annotated[dict[str, ChannelSettings], BeforeValidator(_named)] | None = None
    budget: str = "1 per day"
    warmup: Annotated[int, Field(ge=30, le=100_000)] = 400
    reference: str | None = None
    window: Annotated[Duration | None, BeforeValidator(_window)] = 60.0
    window_rows: Annotated[int, Field(ge=2, le=100_000)] = 120
    lateness: Duration = 60.0
    max_future: Duration = 86_400.0
    source_ttl: Annotated[Duration, Field(gt=0)] = 604_800.0
    max_sources: Annotated[int, Field(ge=1)] = 100_000
    expected_sources: Annotated[int, Field(ge=1)] = 1
    silent_after: Duration | None = None
    cooldown: Duration = 300.0
    resolve_after: Duration = 300.0
    feature_ttl: Duration = 604_800.0
    detectors: tuple[DetectorSettings, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _by_count(cls, values: Any) -> Any:
        window = values.get("window") if isinstance(values, dict) else None
        match = _EVENTS.fullmatch(window) if isinstance(window, str) else None
        if match is None:
            return values
        if "window_rows" in values:
            raise ValueError(f"window = {window!r} says how many events it keeps; leave out window_rows")
        return {**values, "window_rows": int(match[1])}

    @model_validator(mode="after")
    def _outlives_lateness(self) -> Self:
        if self.source_ttl < self.lateness:
            raise ValueError(
                f"source_ttl {self.source_ttl:g} s must not be below lateness {self.lateness:g} s: "
                "a reading that is merely late would start its source cold"
            )
        return self

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """The declared channels, or None where they are learned."""
        return None if self.channels is None else tuple(self.channels)

    @property
    def draws(self) -> bool:
        """Whether events are independent draws, such as images, as opposed to readings of one process.

        An odd draw is no fault, and nothing wanders, sticks or falls silent by itself: only drift is reported, of each channel
        and of all together.
        """
        return self.kind == "images"

    @property
    def limits(self) -> dict[str, tuple[float | None, float | None]]:
        """Declared limits: channel to (min, max)."""
        return {name: (channel.min, channel.max) for name, channel in (self.channels or {}).items()}


class ImageStream(SensorStream):
    """A stream of features of images, as those of a camera or of uploads, and how it is watched.

    The settings are those of a stream of sensors, with other defaults: the topic is ``image.features`` under the prefix, the budget is
    per image, because images come as people send them, and windows count images. Each image is an independent draw, so an odd one
    is no fault; alerts report drift, of each feature and of all together.
    """

    kind: Literal["images"] = "images"
    budget: str = "1 per 10000 events"
    warmup: Annotated[int, Field(ge=200, le=100_000)] = 500
    window: Annotated[Duration | None, BeforeValidator(_window)] = None
    window_rows: Annotated[int, Field(ge=2, le=100_000)] = 500


_RESERVED = frozenset({"ts", "type", "values", "attributes", "id"})


class SessionStream(Table):
    """A stream of what entities (customers, users, cards) did, and the feature views that are kept of them.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``session.events`` under the prefix.
    entity_field : str
        Name of the event's field that holds its entity.
    limits : table
        Name of a number to its ``min`` and ``max``; events with one outside are dead letters.
    max_future : duration
        Events whose time is later than their record's own by more than this are dead letters.
    views : list of tables
        The feature views.
    """

    kind: Literal["sessions"] = "sessions"
    topic: str | None = None
    entity_field: Annotated[str, Field(min_length=1, max_length=256)] = "entity"
    limits: dict[str, ChannelSettings] = Field({})
    max_future: Duration = 86_400.0
    views: tuple[ViewSettings, ...] = ()

    @model_validator(mode="after")
    def _free(self) -> Self:
        if self.entity_field in _RESERVED:
            raise ValueError(
                f"entity_field cannot be {self.entity_field!r}, which says something else of an event"
            )
        return self


def _kind(said: Any) -> Any:
    # A stream that says nothing is one of sensors.
    return said.get("kind", "sensors") if isinstance(said, dict) else getattr(said, "kind", None)


StreamSettings = Annotated[
    Annotated[SensorStream, Tag("sensors")]
    | Annotated[ImageStream, Tag("images")]
    | Annotated[PredictionStream, Tag("predictions")]
    | Annotated[SessionStream, Tag("sessions")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message='no such kind of stream; kind is "sensors", "images", "predictions" or "sessions"',
    ),
]
"""A stream of any kind."""
