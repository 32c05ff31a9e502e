"""What a worker says of its streams while all goes well: a line a minute, and the first event that is refused for each reason."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import structlog
from prometheus_client.metrics import MetricWrapperBase

from stream_app.events import Reason
from stream_app.runtime.metrics import Metrics
from stream_app.text import printable

__all__ = ["ProgressLog", "RefusalLog", "outline"]

_log = structlog.get_logger(__name__)

_EVERY_SECONDS = 60.0
_LONGEST_OUTLINE = 300
_DEEPEST = 3


_HINTS = {
    Reason.LATE: "; if this is a file that is replayed again, --from-now of the replay shifts its times"
}


class ProgressLog:
    """Says once a minute what each stream has brought since the last time, and how far behind it is.

    Parameters
    ----------
    streams : mapping of str to str
        The streams by the topics that they read.
    metrics : Metrics
        What is told.
    """

    def __init__(self, streams: Mapping[str, str], metrics: Metrics) -> None:
        self._streams = streams
        self._metrics = metrics
        self._before: Counter[tuple[str, str]] = Counter()

    async def run(self) -> None:
        """Tell again and again."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            self.tell()

    def tell(self) -> None:
        """Tell once, a line a stream."""
        counted: Counter[tuple[str, str]] = Counter()
        for name, counter in (("events", self._metrics.events), ("alerts", self._metrics.alerts)):
            for labels, value in _samples(counter):
                counted[labels["stream"], name] += int(value)
        for labels, value in _samples(self._metrics.refused):
            counted[labels["stream"], f"refused {labels['reason']}"] += int(value)
        since = counted - self._before
        self._before = counted
        lag: Counter[str] = Counter()
        for labels, value in _samples(self._metrics.lag):
            lag[labels["topic"]] += int(value)
        sources = {labels["stream"]: int(value) for labels, value in _samples(self._metrics.sources)}
        for topic, stream in self._streams.items():
            refused = {
                name.removeprefix("refused "): count
                for (of, name), count in sorted(since.items())
                if of == stream and name.startswith("refused ")
            }
            _log.info(
                "in the last minute",
                stream=stream,
                events=since[stream, "events"],
                sources=sources.get(stream, 0),
                lag=lag[topic],
                alerts=since[stream, "alerts"],
                refused=", ".join(f"{count} {reason}" for reason, count in refused.items()) or "none",
            )


def _samples(metric: MetricWrapperBase) -> Iterator[tuple[dict[str, str], float]]:
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield sample.labels, sample.value


class RefusalLog:
    """Counts the events of a stream that are refused, and tells of the first for each reason, as an example.

    Parameters
    ----------
    stream : str
        Name of the stream.
    metrics : Metrics
        Counts them.
    """

    def __init__(self, stream: str, metrics: Metrics) -> None:
        self._stream = stream
        self._metrics = metrics
        self._told: set[Reason] = set()

    def note(self, record: Any, reason: Reason, message: str) -> None:
        """Take a refused record, and what is wrong with it."""
        self._metrics.refused.labels(self._stream, reason.value).inc()
        if reason in self._told:
            return
        self._told.add(reason)
        _log.warning(
            "an event is refused; more for this reason are counted, and not told",
            stream=self._stream,
            reason=reason.value,
            problem=printable(message) + _HINTS.get(reason, ""),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            example=outline(record.value),
        )


def outline(raw: bytes | None) -> str:
    """Return the names in an event and the types of their values; the values themselves may be private.

    Examples
    --------
    >>> outline(b'{"device": "p1", "data": {"flow": 1.5, "on": true}, "tags": ["a", "b"]}')
    '{device: text, data: {flow: number, on: boolean}, tags: [text, ...]}'
    >>> outline(b"p1;1.5")
    '6 bytes that are no JSON'
    """
    if raw is None:
        return "no value"
    try:
        text = _outline(msgspec.json.decode(raw), 0)
    except (ValueError, RecursionError):
        return f"{len(raw)} bytes that are no JSON"
    return printable(text if len(text) <= _LONGEST_OUTLINE else text[: _LONGEST_OUTLINE - 3] + "...")


def _outline(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        if depth == _DEEPEST:
            return "{...}"
        # What is cut off in the end need not be made.
        some = list(value.items())[:_LONGEST_OUTLINE]
        return (
            "{"
            + ", ".join(f"{name[:_LONGEST_OUTLINE]}: {_outline(one, depth + 1)}" for name, one in some)
            + "}"
        )
    if isinstance(value, list):
        more = ", ..." if len(value) > 1 else ""
        return f"[{_outline(value[0], depth + 1)}{more}]" if value and depth < _DEEPEST else "[...]"
    if isinstance(value, bool):
        return "boolean"
    return "null" if value is None else "text" if isinstance(value, str) else "number"
