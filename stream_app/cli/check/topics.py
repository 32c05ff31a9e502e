"""What is in the topics of the streams: whether they are there, and whether their newest events can be used."""

import math
import time
from collections.abc import Collection, Sequence
from typing import Any

from stream_app.cli.check.finding import Finding
from stream_app.errors import RegistryError, SettingsError
from stream_app.events import Format, Topics
from stream_app.formats import make_format, preparation
from stream_app.kafka import TopicReader, nearest_topic, reading
from stream_app.kinds import input_topic, kind_of
from stream_app.kinds.sample import Sample
from stream_app.settings import Settings, Stream

__all__ = ["look_into", "topic_findings"]

_NEWEST = 500
"""Events of a topic that are looked at."""

_FAR = 3
"""Times the allowed lateness by which events may be behind their records before that is told."""

_MANY_REFUSED = 0.5
"""Share of the newest events that cannot be used, from which on a stream is not one of this topic."""


async def topic_findings(settings: Settings) -> list[Finding]:
    """Look into the topic of each stream.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached or refuses.
    """
    async with reading(settings.kafka) as reader:
        known = await reader.topics()
        return [
            await _finding(name, stream, settings, reader, known) for name, stream in settings.streams.items()
        ]


async def _finding(
    name: str, stream: Stream, settings: Settings, reader: TopicReader, known: Collection[str]
) -> Finding:
    topic = input_topic(stream, Topics(settings.prefix))
    if topic not in known:
        near = nearest_topic(topic, known)
        missing = f"{name}: there is no topic {topic}" + (f"; is it {near}?" if near else "")
        if not settings.worker.create_topics:
            return Finding(
                "topic", ok=False, problem=f"{missing}; create it, or set worker.create_topics = true"
            )
        return Finding(
            "topic", ok=True, doubt=f"{missing}; the worker will make it, and wait for its first event"
        )
    partitions = await reader.partitions(topic)
    where = f"{name} from {topic}, {partitions} partition{'s' if partitions > 1 else ''}"
    sample = kind_of(stream).sample
    records = await reader.newest(topic, _NEWEST)
    if not records:
        return Finding("topic", ok=True, doubt=f"{where}: no event yet")
    if sample is None:
        return Finding("topic", ok=True, about=f"{where}: its kind has no way to look at events")
    lateness = float(getattr(stream, "lateness", math.inf))
    try:
        wires = await _wires(name, stream, settings, records)
    except (SettingsError, RegistryError) as error:
        return Finding("topic", ok=False, problem=f"{where}: {error}")
    read = sample(name, stream, *wires)
    return look_into(where, read(records), len(records), now=time.time(), lateness=lateness)


async def _wires(name: str, stream: Stream, settings: Settings, records: Sequence[Any]) -> list[Format]:
    """Return what decodes a stream's messages, with their schemas; nothing for kinds whose messages are JSON."""
    said = getattr(stream, "format", None)
    if said is None:
        return []
    wire = make_format(said)
    prepare = preparation(name, stream, wire, settings.schema_registry)
    if prepare is not None:
        await prepare(records)
    return [wire]


def look_into(where: str, sample: Sample, records: int, *, now: float, lateness: float = math.inf) -> Finding:
    """Say what the newest events of a topic are like.

    Parameters
    ----------
    where : str
        The stream and its topic.
    sample : Sample
        The events.
    records : int
        Records that were read.
    now : float
        Time of the look, in epoch seconds.
    lateness : float
        Seconds that events of the stream may be late.
    """
    refused = len(sample.rejected)
    if refused:
        record, why = sample.rejected[0]
        first = f"{why.reason.value}: {why.message} (partition {record.partition}, offset {record.offset})"
        told = f"{refused} of the newest {records} events cannot be used, the first for {first}"
        if refused >= _MANY_REFUSED * records:
            advice = "say in the stream's mapping where the parts of its events are"
            return Finding("topic", ok=False, problem=f"{where}: {told}; {advice}")
        return Finding("topic", ok=True, doubt=f"{where}: {told}; {_figures(sample, now)}")
    if sample.newest is None:
        return Finding("topic", ok=True, doubt=f"{where}: no event in the newest {records} messages")
    about = f"{where}: the newest {records} can be used; {_figures(sample, now)}"
    if sample.delay is not None and sample.delay > _FAR * lateness:
        return Finding(
            "topic", ok=True, doubt=f"{about}; so the records were written long after their events"
        )
    return Finding("topic", ok=True, about=about)


def _figures(sample: Sample, now: float) -> str:
    """Say how many sources there are, how often they send, and how late."""
    if sample.newest is None:
        return "no event in them"
    sources = len(set(sample.sources))
    parts = [f"{sources} source{'s' if sources > 1 else ''}"]
    if sample.period is not None:
        parts.append(f"each every {_span(sample.period)}")
    if sample.delay is not None:
        parts.append(
            f"written {_span(abs(sample.delay))} {'after' if sample.delay >= 0 else 'before'} their time"
        )
    age = now - sample.newest
    parts.append(f"the newest of {_span(abs(age))} {'ago' if age >= 0 else 'ahead'}")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds >= 0.001 else "0 s"
