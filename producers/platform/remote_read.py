"""Raw samples of a Prometheus server, or of another that speaks its remote-read protocol."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Any, NamedTuple

import cramjam

from producers.platform.endpoint import MAX_ANSWER_BYTES, Endpoint
from producers.platform.records import Sample
from stream_app.errors import MissingExtraError, SettingsError, SourceError

__all__ = ["Matcher", "RemoteRead", "parse_selector"]

_SELECTOR = re.compile(r'\s*([a-zA-Z_:][\w:]*)?\s*(?:\{((?:[^"{}]|"(?:[^"\\\n]|\\.)*")*)\})?\s*', re.ASCII)
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,|$)', re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}
_KINDS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}

_HEADERS = {
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}

_MESSAGES = {
    "ReadRequest": [("queries", 1, "repeated", "Query")],
    "Query": [
        ("start_timestamp_ms", 1, "optional", "int64"),
        ("end_timestamp_ms", 2, "optional", "int64"),
        ("matchers", 3, "repeated", "LabelMatcher"),
    ],
    "LabelMatcher": [
        ("type", 1, "optional", "int32"),
        ("name", 2, "optional", "string"),
        ("value", 3, "optional", "string"),
    ],
    "ReadResponse": [("results", 1, "repeated", "QueryResult")],
    "QueryResult": [("timeseries", 1, "repeated", "TimeSeries")],
    "TimeSeries": [("labels", 1, "repeated", "Label"), ("samples", 2, "repeated", "Sample")],
    "Label": [("name", 1, "optional", "string"), ("value", 2, "optional", "string")],
    "Sample": [("value", 1, "optional", "double"), ("timestamp", 2, "optional", "int64")],
}
"""What is used of ``prometheus/prompb/remote.proto`` and ``types.proto``; an enumeration is an int32 on the wire."""


class Matcher(NamedTuple):
    """What a label of a series has to be.

    Parameters
    ----------
    name : str
    operator : {'=', '!=', '=~', '!~'}
    value : str
    """

    name: str
    operator: str
    value: str


_RESOLUTION = 0.001
"""Seconds: times of samples are whole milliseconds."""


def parse_selector(text: str) -> list[Matcher]:
    """Read a selector of series.

    Raises
    ------
    SettingsError
        If it is none; an expression cannot be asked for by remote-read.

    Examples
    --------
    >>> parse_selector('up{job!="node"}')
    [Matcher(name='__name__', operator='=', value='up'), Matcher(name='job', operator='!=', value='node')]
    """
    found = _SELECTOR.fullmatch(text)
    matchers: list[Matcher] | None = None if found is None else []
    if found is not None and matchers is not None:
        name, inside = found.groups()
        if name is not None:
            matchers.append(Matcher("__name__", "=", name))
        at, inside = 0, (inside or "").rstrip()
        while at < len(inside):
            one = _MATCHER.match(inside, at)
            if one is None:
                matchers = None
                break
            value = _ESCAPE.sub(lambda part: _ESCAPES.get(part[1], part[1]), one[3])
            matchers.append(Matcher(one[1], one[2], value))
            at = one.end()
    if not matchers:
        raise SettingsError(f"--match: {text!r} selects no series; it is like 'node_load1{{job=\"node\"}}'")
    return matchers


@dataclass(frozen=True, slots=True)
class RemoteRead:
    """Samples as they were scraped, at their own times.

    Parameters
    ----------
    endpoint : Endpoint
        Of the server, without ``/api``.
    selectors : sequence of sequence of Matcher
        Series that are read, of any of them.
    """

    endpoint: Endpoint
    selectors: Sequence[Sequence[Matcher]]

    @property
    def identity(self) -> str:
        """Where from and which, in words."""
        return f"{self.endpoint.url} {[list(map(tuple, one)) for one in self.selectors]} by remote-read"

    def read(self, start: float, end: float) -> list[Sample]:
        """Ask for all samples of a time.

        Raises
        ------
        SourceError
            If the server does not answer, refuses, or answers in another form.
        MissingExtraError
            If Protobuf is not installed.
        """
        messages = _messages()
        request = messages["ReadRequest"]()
        for selector in self.selectors:
            query = request.queries.add(start_timestamp_ms=_ms(start), end_timestamp_ms=_ms(end))
            for matcher in selector:
                query.matchers.add(type=_KINDS[matcher.operator], name=matcher.name, value=matcher.value)
        body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
        raw = self.endpoint.post("/api/v1/read", body, "application/x-protobuf", _HEADERS)
        return list(self._samples(self._decoded(raw, messages["ReadResponse"].FromString)))

    def after(self, done: float, end: float) -> list[Sample]:
        """Ask for all samples later than `done`, which are between steps; raises as `read`."""
        return self.read(done + _RESOLUTION, end)

    def _decoded(self, raw: bytes, parse: Callable[[bytes], Any]) -> Any:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 only with the extra

        try:
            if cramjam.snappy.decompress_raw_len(raw) > MAX_ANSWER_BYTES:
                raise SourceError(
                    f"{self.endpoint.url}: more than {MAX_ANSWER_BYTES:,} bytes; ask for fewer series with --match"
                )
            return parse(bytes(cramjam.snappy.decompress_raw(raw)))
        except (cramjam.DecompressionError, DecodeError, ValueError) as error:
            raise SourceError(
                f"{self.endpoint.url}: no answer of remote-read: {str(error)[:200]}; is it its address?"
            ) from None

    @staticmethod
    def _samples(response: Any) -> Iterator[Sample]:
        seen: set[tuple[tuple[str, str], ...]] = set()
        for result in response.results:
            for series in result.timeseries:
                pairs = tuple(sorted((label.name, label.value) for label in series.labels))
                # Two selectors may select the same series.
                if pairs in seen:
                    continue
                seen.add(pairs)
                labels = dict(pairs)
                name = labels.pop("__name__", "")
                for one in series.samples:
                    if isfinite(one.value):
                        yield Sample(name, labels, one.value, one.timestamp / 1000.0)


def _ms(ts: float) -> int:
    return round(ts * 1000.0)


@cache
def _messages() -> dict[str, Any]:
    """Make the types of messages."""
    try:
        from google.protobuf import (  # noqa: PLC0415 only with the extra
            descriptor_pb2,
            descriptor_pool,
            message_factory,
        )
    except ImportError:
        raise MissingExtraError("remote-read needs", "protobuf", "formats") from None
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    for message, fields in _MESSAGES.items():
        made = file.message_type.add(name=message)
        for name, number, label, kind in fields:
            added = made.field.add(
                name=name, number=number, label=field_type.Label.Value(f"LABEL_{label.upper()}")
            )
            if kind in _MESSAGES:
                added.type, added.type_name = field_type.TYPE_MESSAGE, f".prometheus.{kind}"
            else:
                added.type = field_type.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"prometheus.{name}"))
        for name in _MESSAGES
    }
