"""Settings of streams of readings and of sessions."""

import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stream_app.settings.detectors import DetectorSettings
from stream_app.settings.durations import Duration
from stream_app.settings.formats import AnyMessageFormat, JsonFormat
from stream_app.settings.holidays import holiday_dates
from stream_app.settings.mapping import SensorMapping, SessionMapping, TimeZone
from stream_app.settings.table import Stream, Table, TopicName
from stream_app.settings.views import ViewSettings

__all__ = [
    "ChannelSettings",
    "ImageStream",
    "Period",
    "SensorStream",
    "SessionStream",
    "each_once",
]


class ChannelSettings(Table):
    """Limits of a number: readings outside are a quality problem, session events outside are refused.

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


_V = TypeVar("_V", str, float)


def _holidays(names: tuple[str, ...]) -> tuple[str, ...]:
    holiday_dates(names)
    return names


def each_once(values: tuple[_V, ...]) -> tuple[_V, ...]:
    """Refuse a list that has something twice."""
    twice = next((one for one in values if values.count(one) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is there twice")
    return values


Period = Annotated[Duration, Field(ge=60.0, le=366 * 86_400.0)]
"""The period of a season."""

_SOURCE_BYTES = 32_768
_Unit = Annotated[str, Field(min_length=1, max_length=20)]

_EVENTS = re.compile(r"\s*(\d+)\s+events?\s*", re.IGNORECASE)


def _window(value: Any) -> Any:
    # "300 events" is a window without a time; `_by_count` reads its length.
    return None if isinstance(value, str) and _EVENTS.fullmatch(value) else value


class SensorStream(Stream):
    """Settings of a stream of sensor readings.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``sensor.readings`` under the prefix.
    channels : list or table, optional
        Channels that every reading must have: names, or a table of name to limits. Learned by default.
    categories : list of str
        Channels whose values are categories, as texts or codes, such as the mode of a pump; new categories and shifts of
        their shares raise alerts.
    units : table of str to str
        Units of channels for people, such as ``{ flow = "l/min" }``; alerts name them.
    budget : str
        False alarms allowed over all sources, channels and detectors of the stream, such as ``"2 per 30 days"`` or
        ``"3 per 100000 events"``.
    warmup : int
        Events of a source from which its reference is learned.
    reference : str, optional
        A CSV, JSONL or Parquet file of normal operation of one source, from which detectors learn instead of a warm-up, and which they
        compare with. What somebody sets with ``streamgauge reference set`` comes before it.
    periods : list of durations
        Periods of seasons to look for, such as ``["1d", "1w"]``; a season is removed from a channel where that improves its
        forecast. By default a day.
    timezone : str
        Time zone of days and weeks, such as ``"Europe/Berlin"``.
    holidays : list of str
        Days that count as Sundays in a weekly season: dates, such as ``"2026-12-25"``, or countries with or without a
        subdivision, such as ``"DE"`` or ``"US-CA"``, which need the extra ``calendar``.
    window : duration or "N events"
        Length of the rolling window of live features, in event time or events.
    window_rows : int
        Most events that a window in event time keeps.
    lateness : duration
        Allowed lateness: readings further behind their source's watermark are dead letters. A single reading with a wrong
        time does not move the watermark.
    max_future : duration
        Readings whose time is further ahead of their record's time are dead letters.
    source_ttl : duration
        A source without events for longer is forgotten and later starts cold. At least `lateness`.
    max_store_bytes : int, optional
        Most that the sources may take in Redis, in bytes, an equal share of it in each partition; events of new ones beyond it are
        dead letters. By default a share of `redis.max_bytes`, or what the `expected_sources` need where that is more.
    expected_sources : int, optional
        Number of sources that share the budget. By default they are counted as they come, by each partition on its own: it
        takes every partition to have as many.
    silent_after : duration, optional
        A source without events for longer is silent. Learned from its gaps by default.
    cooldown : duration
        Time after an alert resolved in which it does not fire again; a condition that still holds then fires.
    resolve_after : duration
        Time after which an alert about a moment (drift, changepoint) resolves.
    feature_ttl : duration
        How long live features of a source without events are kept.
    history : bool
        Whether a history of each source is kept for charts: 24 KiB of Redis with eight channels.
    detectors : list of tables
        Detectors beside the default ones. They have no budget.
    format : str or table
        How messages become values: ``"json"``, ``"json-schema"``, ``"avro"``, ``"protobuf"``, ``"messagepack"`` or ``"csv"``; a table
        with it as ``kind`` where more is to be said.
    on_unknown_schema : str
        ``stop`` or ``skip``: what becomes of a message whose schema the registry does not have. One that is skipped is a dead letter.
    mapping : table, optional
        Where the parts of a reading are in a message, where they are not in our own places; see below.
    """

    kind: Literal["sensors", "images"] = "sensors"
    topic: TopicName | None = None
    channels: Annotated[dict[str, ChannelSettings], BeforeValidator(_named)] | None = None
    categories: Annotated[tuple[str, ...], Field(max_length=32), AfterValidator(each_once)] = ()
    units: dict[str, _Unit] = {}  # noqa: RUF012 pydantic copies it
    budget: str = "1 per day"
    warmup: Annotated[int, Field(ge=30, le=100_000)] = 400
    reference: str | None = None
    periods: Annotated[tuple[Period, ...], Field(min_length=1, max_length=4), AfterValidator(each_once)] = (
        86_400.0,
    )
    timezone: TimeZone = "UTC"
    holidays: Annotated[tuple[str, ...], AfterValidator(_holidays)] = ()
    window: Annotated[Duration | None, BeforeValidator(_window)] = 60.0
    window_rows: Annotated[int, Field(ge=2, le=100_000)] = 120
    lateness: Duration = 60.0
    max_future: Duration = 86_400.0
    source_ttl: Annotated[Duration, Field(gt=0)] = 604_800.0
    max_store_bytes: Annotated[int, Field(ge=1)] | None = None
    expected_sources: Annotated[int, Field(ge=1)] | None = None
    silent_after: Duration | None = None
    cooldown: Duration = 300.0
    resolve_after: Duration = 300.0
    feature_ttl: Duration = 604_800.0
    history: bool = True
    detectors: tuple[DetectorSettings, ...] = ()
    format: AnyMessageFormat = JsonFormat()
    on_unknown_schema: Literal["stop", "skip"] = "stop"
    mapping: SensorMapping | None = None

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

    @classmethod
    def least_warmup(cls) -> int:
        """Return the shortest warm-up that such a stream can have."""
        return next(int(rule.ge) for rule in cls.model_fields["warmup"].metadata if hasattr(rule, "ge"))

    @property
    def least_reference(self) -> int:
        """Rows that a reference has at least: those of the shortest warm-up."""
        return self.least_warmup()

    @property
    def channel_names(self) -> tuple[str, ...] | None:
        """The declared channels of numbers, or None where they are learned."""
        if self.channels is None:
            return None
        return tuple(name for name in self.channels if name not in self.categories)

    @property
    def expected_bytes(self) -> int:
        """Memory that the states of the sources that are expected take, with eight channels each."""
        return (self.expected_sources or 1) * _SOURCE_BYTES

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
    """Settings of a stream of image features, such as those of a camera.

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


class SessionStream(Stream):
    """Settings of a stream of session events of entities (customers, users, cards), and of its feature views.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``session.events`` under the prefix.
    entity_field : str
        Name of the event's field that holds its entity.
    limits : table
        Name of a number to its ``min`` and ``max``; events with one outside are dead letters.
    max_future : duration, optional
        Events whose time is later than their record's own by more than this are dead letters. By default the shortest
        ``lateness`` of the views, a minute at least, so that a wrong clock makes no honest event late.
    views : list of tables
        The feature views.
    format : str or table
        How messages become values: ``"json"``, ``"json-schema"``, ``"avro"``, ``"protobuf"``, ``"messagepack"`` or ``"csv"``; a table
        with it as ``kind`` where more is to be said.
    on_unknown_schema : str
        ``stop`` or ``skip``: what becomes of a message whose schema the registry does not have. One that is skipped is a dead letter.
    mapping : table, optional
        Where the parts of an event are in a message, where they are not in our own places; see below.
    """

    kind: Literal["sessions"] = "sessions"
    topic: TopicName | None = None
    entity_field: Annotated[str, Field(min_length=1, max_length=256)] = "entity"
    limits: dict[str, ChannelSettings] = Field({})
    max_future: Duration | None = None
    views: tuple[ViewSettings, ...] = ()
    format: AnyMessageFormat = JsonFormat()
    on_unknown_schema: Literal["stop", "skip"] = "stop"
    mapping: SessionMapping | None = None

    @model_validator(mode="after")
    def _free(self) -> Self:
        if self.entity_field in _RESERVED:
            raise ValueError(
                f"entity_field cannot be {self.entity_field!r}, which says something else of an event"
            )
        return self
