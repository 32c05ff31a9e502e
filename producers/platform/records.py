"""Records of a data platform: the samples of a scrape, a query that has ended, a change."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Protocol, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from producers.batch import Rows
from stream_app.events.platform import MAX_LABELS
from stream_app.events.sensor import MAX_NAME
from stream_app.events.session import MAX_TEXT

__all__ = [
    "MAX_BYTES",
    "ChangeMade",
    "PlatformRecords",
    "QueryEnded",
    "Record",
    "Sample",
    "Scrape",
    "scrapes",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

MAX_BYTES = 200_000
"""Bytes of a record's samples, about: a batch of Kafka has room for it."""

BATCH = 256
"""Records that are handed on together."""


class Sample(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A value of a metric.

    Parameters
    ----------
    name : str
        Of the metric.
    labels : dict of str to str
        What tells its series apart from others of the name.
    value : float
        Finite.
    ts : float or None
        When it was measured, epoch seconds; None with the scrape that it is in.
    """

    name: str
    labels: dict[str, str]
    value: float
    ts: float | None = None

    @property
    def size(self) -> int:
        """Bytes on the wire, about: letters outside of ASCII take more, escapes too."""
        texts = sum(len(key) + len(value) + 6 for key, value in self.labels.items())
        return 80 + len(self.name) + texts


class Record(Protocol):
    """What is sent as one message."""

    @property
    def ts(self) -> float:
        """Event time, epoch seconds."""

    def encode(self, source: str, shift: float) -> bytes:
        """Return it as JSON, as a record of a platform, `shift` seconds later."""


class _ScrapeWire(msgspec.Struct, gc=False):
    source: str
    ts: float
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Samples of one moment.

    Parameters
    ----------
    ts : float
        When, epoch seconds.
    samples : tuple of Sample

    Examples
    --------
    >>> Scrape(10.0, (Sample("node_load1", {"instance": "w1"}, 1.5),)).encode("prod", 0.0)
    b'{"source":"prod","ts":10.0,"samples":[{"name":"node_load1","labels":{"instance":"w1"},"value":1.5}]}'
    """

    ts: float
    samples: tuple[Sample, ...]

    def encode(self, source: str, shift: float) -> bytes:
        """Return the scrape as JSON, `shift` seconds later."""
        samples = self.samples
        if shift:
            samples = tuple(
                one if one.ts is None else msgspec.structs.replace(one, ts=one.ts + shift) for one in samples
            )
        return _encode(_ScrapeWire(source, self.ts + shift, samples))


@dataclass(frozen=True, slots=True)
class QueryEnded:
    """A query that has ended, in the words of Trino's ``QueryCompletedEvent``.

    Parameters
    ----------
    ts : float
        When it ended, epoch seconds.
    id : str
    parts : mapping of str to mapping
        ``metadata``, ``context``, ``statistics`` and the like, without the id; no part holds a literal of the query.
    created, started : float or None
        When it came, and when it began to run.

    Examples
    --------
    >>> QueryEnded(10.0, "q1", {"metadata": {"queryState": "FINISHED"}}).encode("prod", 0.0)
    b'{"source":"prod","metadata":{"queryId":"q1","queryState":"FINISHED"},"endTime":"1970-01-01T00:00:10.000Z"}'
    """

    ts: float
    id: str
    parts: Mapping[str, Mapping[str, Any]]
    created: float | None = None
    started: float | None = None

    def encode(self, source: str, shift: float) -> bytes:
        """Return the query as JSON; `shift` seconds later it is another one, with an id of its own."""
        name = f"{self.id}+{shift:g}" if shift else self.id
        metadata = {"queryId": name, **self.parts.get("metadata", {})}
        moments = {"createTime": self.created, "executionStartTime": self.started, "endTime": self.ts}
        written = {part: _text(moment + shift) for part, moment in moments.items() if moment is not None}
        return _encode({"source": source, **self.parts, "metadata": metadata, **written})


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """A deployment, or a change of configuration.

    Parameters
    ----------
    ts : float
        When, epoch seconds.
    kind : str
        ``deployment``, ``configuration``, or another word.
    what : str
    version : str
        Empty where there is none.
    nodes : tuple of str
        Empty where it was made everywhere.
    """

    ts: float
    kind: str
    what: str
    version: str = ""
    nodes: tuple[str, ...] = ()

    def encode(self, source: str, shift: float) -> bytes:
        """Return the change as JSON, `shift` seconds later."""
        change = {"kind": self.kind, "what": self.what, "version": self.version, "nodes": self.nodes}
        return _encode({"source": source, "ts": self.ts + shift, "change": change})


def scrapes(
    ts: float, samples: Iterable[Sample], refuse: Callable[[str], None] = lambda _: None
) -> Iterator[Scrape]:
    """Make records of the samples of one moment, none too large for a message.

    Parameters
    ----------
    ts : float
        Epoch seconds.
    samples : iterable of Sample
        What is not finite is left out: Prometheus marks with NaN that a series has ended.
    refuse : callable
        Told why a sample is left out that a worker would refuse, and all of its record with it.
    """
    some: list[Sample] = []
    size = 0
    for sample in samples:
        if not isfinite(sample.value):
            continue
        reason = _unfit(sample)
        if reason is not None:
            refuse(reason)
            continue
        if some and size + sample.size > MAX_BYTES:
            yield Scrape(ts, tuple(some))
            some, size = [], 0
        some.append(sample)
        size += sample.size
    if some:
        yield Scrape(ts, tuple(some))


def _unfit(sample: Sample) -> str | None:
    labels = sample.labels
    if not sample.name:
        return "a sample without a name"
    if len(labels) > MAX_LABELS:
        return f"a sample of more than {MAX_LABELS} labels"
    # Most are short as a whole.
    short = sample.size <= MAX_NAME
    if "" in labels or not (short or max(map(len, (sample.name, *labels))) <= MAX_NAME):
        return f"a name of a metric or label that has not 1 to {MAX_NAME} characters"
    if not (short or max(map(len, labels.values()), default=0) <= MAX_TEXT):
        return f"a label of more than {MAX_TEXT} characters"
    return None


@dataclass(frozen=True, slots=True)
class PlatformRecords:
    """Records of one platform.

    Parameters
    ----------
    name : str
        Of the platform: the source, and the key of all records, so that they keep their order.
    records : ndarray of Record (n,)
    times : ndarray (n,)
        Event times, epoch seconds.
    shift : float
        Seconds by which they are sent later.
    """

    name: str
    records: npt.NDArray[np.object_]
    times: FloatArray
    shift: float = 0.0

    @classmethod
    def of(cls, name: str, records: Sequence[Record]) -> Self:
        """Make a batch of records."""
        column = np.empty(len(records), dtype=np.object_)
        column[:] = records
        return cls(name, column, np.array([record.ts for record in records], dtype=np.float64))

    @classmethod
    def batches(cls, name: str, records: Iterable[Record]) -> Iterator[Self]:
        """Make batches of many records."""
        some: list[Record] = []
        for record in records:
            some.append(record)
            if len(some) == BATCH:
                yield cls.of(name, some)
                some = []
        if some:
            yield cls.of(name, some)

    @property
    def ts(self) -> FloatArray:
        """Event time of each record, epoch seconds."""
        return self.times + self.shift

    @property
    def names(self) -> tuple[str, ...]:
        """The platform."""
        return (self.name,)

    @property
    def source(self) -> IntArray:
        """Index into `names`."""
        return np.zeros(len(self.times), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: Rows) -> Self:
        """Return some of the records, in order."""
        return replace(self, records=self.records[rows], times=self.times[rows])

    def shifted(self, seconds: float) -> Self:
        """Return the same records later."""
        return replace(self, shift=self.shift + seconds)

    def encode(self) -> list[bytes]:
        """Return each record as JSON."""
        return [record.encode(self.name, self.shift) for record in self.records]


_encode = msgspec.json.Encoder().encode


def _text(ts: float) -> str:
    return datetime.fromtimestamp(ts, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
