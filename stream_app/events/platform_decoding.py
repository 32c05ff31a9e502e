"""Decoding of a platform's records.

It is done by msgspec alone, whose words name the place of what is wrong and quote nothing: no literal of a query leaves this
module, in a row or in a message.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic_core import from_json

from stream_app.events.dead_letter import Reason
from stream_app.events.platform import (
    MAX_PLATFORM_BYTES,
    EventTime,
    MetricSample,
    PlatformChange,
    PlatformEvent,
    PlatformRow,
    QueryCompletion,
    Sample,
)
from stream_app.events.query_event import QueryEvent, parse_query_duration
from stream_app.events.rejection import MessageError, Rejected
from stream_app.events.sensor import MAX_TS, parse_event_time
from stream_app.events.session import MAX_NUMBER
from stream_app.events.sql import QueryClasses

__all__ = ["PlatformDecoder"]

_decoder = msgspec.json.Decoder(PlatformEvent)
_query_decoder = msgspec.json.Decoder(QueryEvent)

_ERROR = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


class PlatformDecoder:
    """Decodes records of a platform's topic.

    Parameters
    ----------
    platform : str
        The platform of events that name none.

    Examples
    --------
    >>> decoder = PlatformDecoder("prod")
    >>> decoder.decode([b'{"ts": 1, "samples": [{"name": "node_load1", "labels": {"instance": "a"}, "value": 2}]}'])
    [(MetricSample(source='prod', ts=1.0, name='node_load1', labels=(('instance', 'a'),), value=2.0),)]
    >>> decoder.decode([b'{"name": "node_load1", "value": 2}'])[0].message
    'ts: a time is expected'
    """

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._classes = QueryClasses()

    def decode(self, raws: Sequence[bytes | None]) -> list[tuple[PlatformRow, ...] | Rejected]:
        """Decode a whole delivery; one bad event never spoils its neighbours.

        Parameters
        ----------
        raws : sequence of bytes or None
            Values of Kafka records.

        Returns
        -------
        list of (tuple of PlatformRow, or Rejected)
            As many as were given, in their order; the rows of an event, one at least, are of one source.
        """
        out: list[tuple[PlatformRow, ...] | Rejected] = []
        for raw in raws:
            if raw is None:
                out.append(Rejected(Reason.TOMBSTONE, "the record has no value"))
                continue
            if len(raw) > MAX_PLATFORM_BYTES:
                size = f"{len(raw)} bytes; at most {MAX_PLATFORM_BYTES} are read"
                out.append(Rejected(Reason.TOO_LARGE, size))
                continue
            out.append(self._decoded(raw))
        return out

    def _decoded(self, raw: bytes, *, again: bool = False) -> tuple[PlatformRow, ...] | Rejected:
        try:
            return self._rows(_decoder.decode(raw), raw)
        except MessageError as error:
            return error.rejected
        except msgspec.ValidationError as error:
            return Rejected(Reason.SCHEMA, _words(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            plain = None if again else _without_nan(raw)
            if plain is None:
                return Rejected(Reason.NOT_JSON, f"Invalid JSON: {error}")
            return self._decoded(plain, again=True)

    def _rows(self, event: PlatformEvent, raw: bytes) -> tuple[PlatformRow, ...]:
        source = event.source or self._platform
        when = event.timestamp if event.ts is None else event.ts
        if event.samples is not None:
            ts = math.nan if when is None else _time(when, "ts")
            return _scrape(source, ts, event.samples)
        if event.name is not None or event.labels is not None:
            one = Sample(event.name, event.labels, event.value)
            return (_sample(source, _time(when, "ts"), one, None),)
        if event.change is not None:
            change = event.change
            return (
                PlatformChange(
                    source,
                    _time(when, "ts"),
                    change.kind,
                    change.what,
                    change.version or "",
                    tuple(change.nodes),
                ),
            )
        if bytes(event.eventPayload) not in (b"", b"null"):
            return (self._query(source, when, event.eventPayload),)
        if bytes(event.metadata) not in (b"", b"null"):
            return (self._query(source, when, raw),)
        raise MessageError(
            Reason.SCHEMA,
            "event: one of samples, name, change and metadata (of a completed query) is expected",
        )

    def _query(self, source: str, when: EventTime, raw: bytes | msgspec.Raw) -> QueryCompletion:
        event = _query_decoder.decode(raw)
        metadata, statistics, context = event.metadata, event.statistics, event.context
        if metadata.query_id is None:
            raise MessageError(Reason.SCHEMA, "metadata.queryId: Field required")
        if statistics is None or metadata.query_state is None:
            raise MessageError(
                Reason.SCHEMA,
                "statistics: Field required; of queries only completions are read: turn off the listener's other events",
            )
        when, named = (event.end_time, "endTime") if when is None else (when, "ts")
        shape = self._classes.of(metadata.prepared_query or metadata.query or "")
        return QueryCompletion(
            source,
            _time(when, named),
            metadata.query_id,
            metadata.query_state,
            (context and context.user) or "",
            (context and context.catalog) or "",
            shape.id,
            shape.pattern,
            queued=_duration(statistics, "queued_time"),
            planning=_duration(statistics, "planning_time"),
            analysis=_duration(statistics, "analysis_time"),
            execution=_duration(statistics, "execution_time"),
            wall=_duration(statistics, "wall_time"),
            cpu=_duration(statistics, "cpu_time"),
            input_bytes=_amount(statistics, "physical_input_bytes"),
            input_rows=_amount(statistics, "physical_input_rows"),
            peak_memory=_amount(statistics, "peak_user_memory_bytes"),
            splits=_amount(statistics, "completed_splits"),
            error=_error(event.failure_info),
        )


def _without_nan(raw: bytes) -> bytes | None:
    """Return JSON with nulls in place of what many a producer writes as Python does, NaN and Infinity; None where it is no JSON either."""
    try:
        return msgspec.json.encode(from_json(raw))
    except (ValueError, RecursionError):
        return None


def _words(error: msgspec.ValidationError) -> str:
    """Say where an event went wrong, and how."""
    what, _, where = str(error).partition(" - at `")
    return f"{where.rstrip('`').removeprefix('$').removeprefix('.') or 'event'}: {what}"


def _scrape(source: str, ts: float, samples: Sequence[Sample]) -> tuple[MetricSample, ...]:
    # The loop is flat, and calls little for an ordinary sample, because it runs for every one.
    rows: list[MetricSample] = []
    for place, one in enumerate(samples):
        name, labels, value = one.name, one.labels, one.value
        if (
            name is not None
            and labels is not None
            and type(value) is float
            and -MAX_NUMBER <= value <= MAX_NUMBER
            and one.ts is None
            and ts >= 0.0
            and "__name__" not in labels
        ):
            rows.append(MetricSample(source, ts, name, tuple(sorted(labels.items())), value))
        else:
            rows.append(_sample(source, ts, one, place))
    return tuple(rows)


def _sample(source: str, ts: float, one: Sample, place: int | None) -> MetricSample:
    """Return the row of a sample; `place` is its own in a scrape."""
    name, labels, value = one.name, one.labels, one.value
    if labels is None:
        labels = {}
    elif "__name__" in labels:
        known = labels.pop("__name__")
        name = name or known
    if not name:
        raise MessageError(Reason.SCHEMA, f"{_named('name', place)}: Field required")
    if type(value) is not float:
        value = _value(value, place)
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        value = math.nan
    if one.ts is not None or math.isnan(ts):
        ts = _time(one.ts, _named("ts", place))
    return MetricSample(source, ts, name, tuple(sorted(labels.items())), value)


def _named(field: str, place: int | None) -> str:
    return field if place is None else f"samples[{place}].{field}"


def _value(value: str | float | None, place: int | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except ValueError:
        raise MessageError(Reason.SCHEMA, f"{_named('value', place)}: a number is expected") from None


def _time(value: EventTime, place: str) -> float:
    if type(value) is float and 0.0 <= value < MAX_TS:
        return value
    if value is None:
        raise MessageError(Reason.TIMESTAMP, f"{place}: a time is expected")
    try:
        return parse_event_time(value)
    except ValueError as error:
        why = "a time in epoch seconds or RFC 3339 is expected" if isinstance(value, str) else error
        raise MessageError(Reason.TIMESTAMP, f"{place}: {why}") from None


def _duration(statistics: Any, name: str) -> float:
    try:
        return parse_query_duration(getattr(statistics, name))
    except ValueError as error:
        raise MessageError(Reason.SCHEMA, f"statistics.{_camel(name)}: {error}") from None


def _amount(statistics: Any, name: str) -> float:
    value = getattr(statistics, name)
    try:
        amount = math.nan if value is None else float(value)
    except ValueError:
        raise MessageError(Reason.SCHEMA, f"statistics.{_camel(name)}: a number is expected") from None
    if amount < 0:
        raise MessageError(Reason.SCHEMA, f"statistics.{_camel(name)}: it cannot be negative")
    return amount


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _error(failure: dict[str, Any] | None) -> str:
    """Return the name of an error's code; its message may quote the query."""
    code = (failure or {}).get("errorCode")
    name = code.get("name") if isinstance(code, dict) else code
    if isinstance(name, str) and _ERROR.fullmatch(name):
        return name
    return "UNKNOWN" if failure else ""
