"""Events of a data platform: samples of metrics, completed queries and changes, on one topic."""

from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from stream_app.events.sensor import MAX_NAME
from stream_app.events.session import MAX_TEXT

__all__ = [
    "MAX_LABELS",
    "MAX_PLATFORM_BYTES",
    "Change",
    "EventTime",
    "MetricSample",
    "PlatformChange",
    "PlatformEvent",
    "PlatformRow",
    "QueryCompletion",
    "Sample",
]

MAX_PLATFORM_BYTES = 1_048_576
"""Events over this size are refused before they are parsed: the most that Kafka takes by default, since texts of queries may be long."""

MAX_LABELS = 64
"""Most labels of a sample."""


class MetricSample(NamedTuple):
    """A value of a metric.

    Parameters
    ----------
    source : str
        The platform.
    ts : float
        Epoch seconds.
    name : str
        Name of the metric.
    labels : tuple of (str, str)
        By name, without ``__name__``.
    value : float
        NaN where its target had none: Prometheus marks so what is gone, and empty summaries.
    """

    source: str
    ts: float
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


class QueryCompletion(NamedTuple):
    """A query that ended.

    Parameters
    ----------
    source : str
        The platform.
    ts : float
        When it ended, epoch seconds.
    id : str
        Its identity; listeners that try again send one twice.
    state : str
        ``FINISHED`` or ``FAILED``.
    user, catalog : str
        Who asked, and the catalog of the session; empty where unknown.
    query_class, pattern : str
        Hash of the shape of its text, and the shape, without literals; see `query_class`.
    queued, planning, analysis, execution, wall, cpu : float
        Seconds; NaN where unknown.
    input_bytes, input_rows, peak_memory, splits : float
        Read from storage, most memory in bytes, completed splits; NaN where unknown.
    error : str
        Name of the error's code, such as ``EXCEEDED_TIME_LIMIT``; empty where there was none.
    """

    source: str
    ts: float
    id: str
    state: str
    user: str
    catalog: str
    query_class: str
    pattern: str
    queued: float
    planning: float
    analysis: float
    execution: float
    wall: float
    cpu: float
    input_bytes: float
    input_rows: float
    peak_memory: float
    splits: float
    error: str


class PlatformChange(NamedTuple):
    """A deployment, or a change of configuration.

    Parameters
    ----------
    source : str
        The platform.
    ts : float
        Epoch seconds.
    kind, what, version : str
        ``deployment``, ``configuration`` or another word; what was changed; the version that came, or empty.
    nodes : tuple of str
        Where; all where empty.
    """

    source: str
    ts: float
    kind: str
    what: str
    version: str
    nodes: tuple[str, ...]


PlatformRow: TypeAlias = MetricSample | QueryCompletion | PlatformChange

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Word = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
_Labels = Annotated[dict[_Name, Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]], msgspec.Meta(max_length=MAX_LABELS)]  # fmt: skip
EventTime: TypeAlias = float | str | None
"""Epoch seconds, or RFC 3339."""


class Sample(msgspec.Struct, gc=False):
    """A sample in a scrape.

    Parameters
    ----------
    name : str
        Name of the metric; or label ``__name__``.
    labels : dict of str to str
        Its labels.
    value : float, str or None
        A number, or a text as Prometheus writes it.
    ts : float or str, optional
        When, if not at the time of the scrape.
    """

    name: _Name | None = None
    labels: _Labels | None = None
    value: float | str | None = None
    ts: EventTime = None


class Change(msgspec.Struct, gc=False):
    """A change of a platform; see `PlatformChange`."""

    kind: _Name
    what: _Name
    version: _Word | None = None
    nodes: Annotated[list[_Name], msgspec.Meta(max_length=10_000)] = []


class PlatformEvent(msgspec.Struct, gc=False):
    """An event of a platform: a sample (``name``, ``value``), a scrape (``samples``), a change, or a completed query.

    Fields of other names are passed over.

    Parameters
    ----------
    source : str, optional
        The platform; by default the one of the stream's settings. Also the Kafka key, so that the events of a platform have one order.
    ts, timestamp : float or str, optional
        When, in epoch seconds or RFC 3339; of a query its end, where there is none.
    name, labels, value
        Of a sample.
    samples : list, optional
        Samples of one scrape.
    change : table, optional
        A deployment, or a change of configuration.
    metadata, eventPayload : table, optional
        A QueryCompletedEvent as Trino's listener for HTTP sends it, or wrapped by the one for Kafka.
    """

    source: _Name | None = None
    ts: EventTime = None
    timestamp: EventTime = None
    name: _Name | None = None
    labels: _Labels | None = None
    value: float | str | None = None
    samples: Annotated[list[Sample], msgspec.Meta(min_length=1)] | None = None
    change: Change | None = None
    metadata: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    eventPayload: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)  # noqa: N815 - Trino's name
