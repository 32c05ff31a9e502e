"""What a Prometheus server has recorded: range queries, and raw samples by remote-read."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from producers.platform.endpoint import Endpoint
from producers.platform.records import PlatformRecords, Record, Sample, scrapes
from stream_app.errors import SettingsError, SourceError
from stream_app.tables.left_out import LeftOut

__all__ = ["ALL", "History", "PrometheusHistory", "RangeQuery", "by_time"]

ALL = '{__name__=~".+"}'
"""Selects all series."""

_STEPS = 60
"""Moments of a range that are asked for at a time: half an hour of samples each 30 s."""

_NAMED = re.compile(r"\s*([a-zA-Z_:][\w:]*)\s*=(?![=~])\s*(.+)", re.DOTALL | re.ASCII)


class _Series(msgspec.Struct, gc=False):
    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class _Result(msgspec.Struct, gc=False):
    resultType: str  # noqa: N815 Prometheus' name
    result: list[_Series]


class _Answer(msgspec.Struct, gc=False):
    data: _Result


_decoder = msgspec.json.Decoder(_Answer)


class History(Protocol):
    """What gives the samples of a time."""

    @property
    def identity(self) -> str:
        """Where from and which, in words."""

    def read(self, start: float, end: float) -> list[Sample]:
        """Return the samples from `start` to `end`, both included, each with its time."""

    def after(self, done: float, end: float) -> list[Sample]:
        """Return the samples later than `done`, a step, up to `end`, another one."""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Samples at equal steps, of selectors or of expressions of PromQL.

    Parameters
    ----------
    endpoint : Endpoint
        Of the server, without ``/api``.
    queries : sequence of str
        Selectors or expressions. An expression whose result has no name is called by ``NAME=EXPRESSION``, else by its text.
    step : float
        Seconds.
    """

    endpoint: Endpoint
    queries: Sequence[str]
    step: float

    @property
    def identity(self) -> str:
        """Where from and which, in words."""
        return f"{self.endpoint.url} {list(self.queries)} every {self.step}"

    def read(self, start: float, end: float) -> list[Sample]:
        """Ask for the values at `start` and each step from there.

        Raises
        ------
        SourceError
            If the server does not answer, or refuses a query.
        """
        return [sample for query in self.queries for sample in self._one(query, start, end)]

    def after(self, done: float, end: float) -> list[Sample]:
        """Ask for the values at the steps behind `done`; raises as `read`."""
        return self.read(done + self.step, end)

    def _one(self, query: str, start: float, end: float) -> Iterator[Sample]:
        named = _NAMED.fullmatch(query)
        name, expression = named.groups() if named else (query.strip(), query)
        asked = {"query": expression, "start": repr(start), "end": repr(end), "step": repr(self.step)}
        raw = self.endpoint.post(
            "/api/v1/query_range", urlencode(asked).encode(), "application/x-www-form-urlencoded"
        )
        try:
            answer = _decoder.decode(raw).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SourceError(
                f"{self.endpoint.url}: no answer of Prometheus: {str(error)[:200]}; is it its address?"
            ) from None
        if answer.resultType != "matrix":
            raise SourceError(
                f"{self.endpoint.url}: {expression!r} gives a {answer.resultType}, not values in time"
            )
        for series in answer.result:
            labels = dict(sorted(series.metric.items()))
            called = labels.pop("__name__", "")
            if named or not called:
                called = name
            for ts, value in series.values:
                yield Sample(called, labels, float(value), ts)


@dataclass(frozen=True, slots=True)
class PrometheusHistory:
    """What a server has recorded in a time, as a source of a replay.

    Parameters
    ----------
    history : History
    platform : str
        Name of the source.
    start, end : float
        Epoch seconds; both are included.
    step : float
        Seconds between values, about; a few are asked for at a time.
    left : LeftOut
        Where samples that a worker would refuse are counted.
    """

    history: History
    platform: str
    start: float
    end: float
    step: float
    left: LeftOut = field(default_factory=LeftOut)

    def __post_init__(self) -> None:
        if not self.step >= 0.1:
            raise SettingsError(f"--step: a tenth of a second at least is expected, not {self.step:g} s")
        if not self.start < self.end:
            raise SettingsError("--start is not before --end")

    @property
    def identity(self) -> str:
        """Server, queries and time."""
        return f"{self.history.identity} {self.start} {self.end} {self.step} as {self.platform}"

    @property
    def total(self) -> int | None:
        """How many records there are is not known before all were read."""
        return None

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many samples read so far are not sent, by reason and first time."""
        return self.left.summary

    def batches(self) -> Iterator[PlatformRecords]:
        """Ask for one piece of the time after the other.

        Raises
        ------
        SourceError
            If the server does not answer or refuses, or has nothing of the whole time.
        """
        empty = True
        self.left.clear()
        steps = int((self.end - self.start) / self.step + 1e-9)
        for piece in range(ceil((steps + 1) / _STEPS)):
            begin = self.start + piece * _STEPS * self.step
            # Up to the next piece, for what has samples between steps.
            end = min(begin + _STEPS * self.step - 0.001, self.end)
            refuse = partial(self.left.add, count=1, where=f"from {begin:.0f}")
            batch = PlatformRecords.of(self.platform, by_time(self.history.read(begin, end), refuse))
            empty = empty and not len(batch)
            yield batch
        if empty:
            raise SourceError(f"{self.history.identity}: no sample from {self.start:.0f} to {self.end:.0f}")


def by_time(samples: Sequence[Sample], refuse: Callable[[str], None] = lambda _: None) -> list[Record]:
    """Make records of samples that have times, in the order of these.

    Parameters
    ----------
    samples : sequence of Sample
    refuse : callable
        Told why a sample is left out.

    Examples
    --------
    >>> [record.ts for record in by_time([Sample("a", {}, 1.0, 20.0), Sample("b", {}, 1.0, 10.0)])]
    [10.0, 20.0]
    """
    moments: dict[float, list[Sample]] = {}
    for sample in samples:
        if sample.ts is not None:
            moments.setdefault(sample.ts, []).append(Sample(sample.name, sample.labels, sample.value))
    return [record for ts in sorted(moments) for record in scrapes(ts, moments[ts], refuse)]
