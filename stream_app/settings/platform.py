"""Settings of a stream of a data platform's metrics, queries and changes."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stream_app.settings.durations import Duration
from stream_app.settings.mapping import TimeZone
from stream_app.settings.streams import Period, each_once
from stream_app.settings.table import FileName, Stream, TopicName

__all__ = ["PLATFORM_BYTES", "SERIES_BYTES", "SERIES_STEP", "PlatformStream", "platform_bytes"]

PLATFORM_BYTES, SERIES_BYTES = 2_000_000, 5_000
"""Memory of a platform, and of each of its series, in a worker; in Redis it is less."""
SERIES_STEP = 1_000
"""Series for which a platform takes room at a time."""

_Name = Annotated[str, Field(min_length=1, max_length=256)]
_Names = Annotated[tuple[_Name, ...], AfterValidator(each_once)]


def platform_bytes(series: int) -> int:
    """Return the memory for which a platform with so many series takes room.

    Examples
    --------
    >>> platform_bytes(1), platform_bytes(1001)
    (7000000, 12000000)
    """
    return PLATFORM_BYTES + SERIES_BYTES * SERIES_STEP * max(1, -(-series // SERIES_STEP))


class PlatformStream(Stream):
    """Settings of a stream of metrics, completed queries and changes of a data platform, such as Trino on an object store.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``platform.events`` under the prefix.
    platform : str, optional
        The platform of events that name none, such as those of Trino's own listeners; by default the stream's name.
    window : duration
        Length of the windows in which metrics and queries are summarised, aligned in event time.
    lateness : duration
        How long a window waits for what comes late, in event time; what is later is a dead letter.
    max_future : duration
        Events whose time is further ahead of their record's time are dead letters: one would close windows for all nodes.
    budget : str
        False alarms allowed over all platforms and metrics of the stream.
    warmup : int
        Windows of a platform from which its usual behaviour is learned; by default a day of windows of a minute.
    periods : list of durations
        Periods of seasons to look for, two at most; a season is removed from a metric where that improves its forecast. By default a
        day and a week.
    timezone : str
        Time zone of days and weeks, such as ``"Europe/Berlin"``.
    node_labels : list of str
        Labels that name the node of a sample; the first that it has counts, and a port is cut off. A sample with none is of the whole
        platform, one with ``service`` or ``microservice`` alone of a service.
    groups : table of str to str
        Patterns of metrics' names (``*`` and ``?``) to what they are about: ``cpu``, ``memory``, ``disk``, ``network``, ``jvm``,
        ``object store``, ``queries``, ``latency``, ``requests``, ``errors`` or ``other``. Where none fits, the name tells.
    ignore : list of str
        Patterns of names of metrics that are not watched.
    depends_on : table of str to list of str
        The call graph: service to the services that it calls, such as ``{ shop = ["cart", "payment"] }``.
    graph : path, optional
        A CSV file with the call graph instead: a matrix of services, or a caller and a callee a line.
    models : list of str
        Models that judge the windows online, beside the detector and without a budget: ``kmeans``, ``dbstream``, ``denstream``.
    max_series : int
        Most series of a platform; samples of further ones are dead letters. Each takes 5 kB of memory at most, in a worker and in Redis.
    max_classes : int
        Most classes of queries of a platform; queries of further ones are counted in none.
    expected_sources : int
        Number of platforms that share the budget.
    cooldown : duration
        Time after an alert resolved in which it does not fire again; a condition that still holds then fires. Means over half an hour
        take as long to settle.
    history : bool
        Whether a history of each platform is kept for charts: the score, and how far each group of metrics deviates.
    source_ttl : duration
        A platform without events for longer is forgotten and later starts cold. At least `window` and `lateness`.
    max_store_bytes : int, optional
        Most that the platforms may take in Redis, in bytes, an equal share of it in each partition; events of new ones beyond it are
        dead letters. By default a share of `redis.max_bytes`, or what the `expected_sources` need where that is more.
    feature_ttl : duration
        How long live features of a platform without events are kept.
    """

    kind: Literal["platform"] = "platform"
    topic: TopicName | None = None
    platform: _Name | None = None
    window: Annotated[Duration, Field(ge=1.0, le=86_400.0)] = 60.0
    lateness: Annotated[Duration, Field(le=86_400.0)] = 30.0
    max_future: Duration = 300.0
    budget: str = "1 per week"
    warmup: Annotated[int, Field(ge=30, le=100_000)] = 1440
    periods: Annotated[tuple[Period, ...], Field(min_length=1, max_length=2), AfterValidator(each_once)] = (
        86_400.0,
        604_800.0,
    )
    timezone: TimeZone = "UTC"
    node_labels: Annotated[_Names, Field(max_length=32)] = (
        "instance",
        "node",
        "host",
        "pod",
        "service",
        "microservice",
    )
    groups: dict[_Name, _Name] = Field({})
    ignore: _Names = ()
    depends_on: dict[_Name, _Names] = Field({})
    graph: FileName | None = None
    models: _Names = ()
    max_series: Annotated[int, Field(ge=1, le=1_000_000)] = 25_000
    max_classes: Annotated[int, Field(ge=1, le=100_000)] = 500
    expected_sources: Annotated[int, Field(ge=1)] = 1
    source_ttl: Annotated[Duration, Field(gt=0)] = 2_592_000.0
    cooldown: Duration = 1800.0
    history: bool = True
    max_store_bytes: Annotated[int, Field(ge=1)] | None = None
    feature_ttl: Duration = 604_800.0

    @property
    def expected_bytes(self) -> int:
        """Memory that the states of the platforms that are expected take, with a thousand series each."""
        return self.expected_sources * platform_bytes(SERIES_STEP)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.source_ttl < max(self.lateness, self.window):
            raise ValueError(
                f"source_ttl {self.source_ttl:g} s must not be below window {self.window:g} s and lateness {self.lateness:g} s: "
                "what is merely late would start its platform cold"
            )
        if self.depends_on and self.graph is not None:
            raise ValueError("depends_on and graph both tell the call graph; leave one out")
        short = [period for period in self.periods if period < 2 * self.window]
        if short:
            raise ValueError(f"periods: {short[0]:g} s is less than two windows of {self.window:g} s")
        return self
