"""The recent, healthy past of a stream as a reference: what its topic holds, without the incidents."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from stream_app.cli.options import broker_of
from stream_app.core.reference import ReferenceTable
from stream_app.errors import DataError
from stream_app.events import Format, ReadingDecoder, Readings, Topics, category_name, record_times
from stream_app.formats import make_format, preparation
from stream_app.kafka import reading
from stream_app.kinds import PREDICTIONS, SENSORS, input_topic
from stream_app.kinds.layouts import sensor_layout
from stream_app.kinds.predictions import prediction_rows
from stream_app.kinds.references import feature_table, referring_stream
from stream_app.settings import SensorStream, Settings
from stream_app.store import IncidentReader, IncidentStatus, Store

__all__ = ["healthy", "incidents_of", "read_topic"]

_MOST_RECORDS = 1_000_000
_MOST_INCIDENTS = 20_000
"""Newest beginnings and ends of alerts by which incidents are found."""


async def read_topic(
    settings: Settings, name: str, *, source: str | None, since: float, until: float
) -> tuple[str, ReferenceTable]:
    """Read the newest events of one source from the topic of a stream, 64 MiB of records at most.

    Parameters
    ----------
    settings : Settings
        Where the topic is.
    name : str
        Name of the stream.
    source : str, optional
        Which source; the only one where None.
    since, until : float
        Event times between which they are taken, epoch seconds.

    Returns
    -------
    source : str
        Whose they are.
    table : ReferenceTable
        Its readings, or the features of its predictions, in the order of their times.

    Raises
    ------
    DataError
        If there are none, several sources and none is named, or messages are of one channel each.
    BrokerError
        If the topic is not there or cannot be read.
    """
    stream = referring_stream(settings, name)
    topic = input_topic(stream, Topics(settings.prefix))
    wire = make_format(stream.format)
    sensors = SENSORS.streams(settings).get(name)
    if sensors is not None and sensors.mapping is not None and sensors.mapping.channel is not None:
        raise DataError(
            f"streams.{name}: a message has one channel, and no row of its topic has all of them; refresh from a file with --from"
        )
    async with reading(broker_of(settings)) as reader:
        records = await reader.newest(topic, _MOST_RECORDS)
    prepare = preparation(name, stream, wire, settings.schema_registry)
    if prepare is not None:
        await prepare(records)
    if sensors is None:
        rows = prediction_rows(name, PREDICTIONS.streams(settings)[name], wire)(records).rows
        rows = [row for row in rows if row.prediction is not None and since <= row.ts < until]
        source = _source(topic, [row.source for row in rows], source)
        return source, feature_table([row for row in rows if row.source == source])
    readings = _readings(name, sensors, wire, records)
    readings = readings.at(np.flatnonzero((readings.ts >= since) & (readings.ts < until)))
    source = _source(topic, readings.sources, source)
    mine = np.array([one == source for one in readings.sources], dtype=np.bool_)
    return source, _table(readings.at(np.flatnonzero(mine)), sensors.categories)


def _readings(name: str, stream: SensorStream, wire: Format, records: Sequence[Any]) -> Readings:
    decoder = ReadingDecoder(stream.categories, layout=sensor_layout(name, stream), wire=wire)
    readings, _ = decoder.decode(
        [record.value for record in records],
        [record.key for record in records],
        [record.offset for record in records],
        record_times(records),
        [record.headers for record in records],
    )
    return readings


def _source(topic: str, sources: Sequence[str], wanted: str | None) -> str:
    """Return the source that is wanted, or the only one."""
    names = sorted(set(sources))
    if not names:
        raise DataError(f"topic {topic} has no event that can be used in that time")
    if wanted is None and len(names) > 1:
        raise DataError(
            f"topic {topic} has {len(names)} sources, such as {', '.join(names[:3])} in that time; name one with --source"
        )
    if wanted is not None and wanted not in names:
        raise DataError(
            f"topic {topic} has no event of {wanted!r} in that time; it has {', '.join(names[:8])}"
        )
    return wanted or names[0]


def _table(readings: Readings, categories: Collection[str]) -> ReferenceTable:
    channels = tuple(dict.fromkeys(name for group in readings.groups for name in group.channels))
    values = np.full((len(readings), len(channels)), np.nan)
    for group in readings.groups:
        at = [channels.index(name) for name in group.channels]
        values[group.rows[:, None], at] = group.values
    order = np.argsort(readings.ts, kind="stable")
    values = values[order]
    numbers = [j for j, name in enumerate(channels) if name not in categories]
    texts = {
        name: tuple(
            category_name(code, readings.names) if math.isfinite(code) else None
            for code in values[:, j].tolist()
        )
        for j, name in enumerate(channels)
        if name in categories
    }
    return ReferenceTable(
        readings.ts[order],
        tuple(channels[j] for j in numbers),
        np.ascontiguousarray(values[:, numbers]),
        texts,
    )


async def incidents_of(store: Store, stream: str, source: str) -> list[IncidentStatus]:
    """Return the incidents of a source that are kept, without those that somebody called a false alarm."""
    return [
        one
        for one in await IncidentReader(store).recent(_MOST_INCIDENTS)
        if (one.incident.stream, one.incident.source) == (stream, source)
        and (one.verdict is None or one.verdict.real is not False)
    ]


def healthy(
    table: ReferenceTable, incidents: Collection[IncidentStatus], around: float
) -> tuple[ReferenceTable, int]:
    """Return the rows that are in no incident, nor in some seconds before and after one, and how many are left out."""
    inside = np.zeros(len(table), dtype=np.bool_)
    for one in incidents:
        case = one.incident
        end = math.inf if case.firing else case.changed_at + around
        inside |= (table.ts >= case.started_at - around) & (table.ts <= end)
    return table.rows(np.flatnonzero(~inside)), int(inside.sum())
