"""Recorded events of a view: from files as they would be replayed, or from a topic as it is now."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from producers.sessions import SessionColumns, SessionFiles
from stream_app.cli.options import store_of
from stream_app.core.features import FeatureView, select_features
from stream_app.errors import SettingsError, UnknownFeatureError
from stream_app.events import DecodedRows, SessionRow, Topics, decode_sessions
from stream_app.features import Recorded
from stream_app.kafka import reading
from stream_app.kinds import SESSIONS, input_topic
from stream_app.kinds.sessions import session_configs, session_rows
from stream_app.monitors.sessions import SessionConfig
from stream_app.settings import SessionStream, Settings
from stream_app.store import FeatureLookup, run_query

__all__ = ["Recording", "Source", "file_events", "find_view", "topic_events"]

_BATCH = 10_000

Rows = Callable[[list[Any]], DecodedRows[SessionRow]]
"""Decodes records, each by itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """A view, and what is known of its stream.

    Parameters
    ----------
    view : FeatureView
        The view.
    config : SessionConfig
        Of the stream, with this view only.
    topic : str or None
        Where the stream comes from; None where the settings do not say.
    rows : callable
        Decodes records of its topic.
    """

    view: FeatureView
    config: SessionConfig
    topic: str | None
    rows: Rows


@dataclass(slots=True)
class Recording:
    """Events as they came, and what was left out.

    Parameters
    ----------
    events : list of Recorded
        In their order.
    left_out : Counter of str
        Reason to how many records are no events.
    """

    events: list[Recorded] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, found: DecodedRows[SessionRow], places: Sequence[tuple[int, float | None]]) -> None:
        """Add decoded records; a place is the partition and the record's own time."""
        self.left_out.update(why.reason.value for _, why in found.rejected)
        for row, at in zip(found.rows, found.places, strict=True):
            partition, record_ts = places[at]
            # Of a record with several events each counts: their number in the recording is offset enough.
            offset = len(self.events)
            self.events.append(Recorded(row, partition, offset, row.ts if record_ts is None else record_ts))


async def find_view(settings: Settings, text: str) -> Source:
    """Find a view in the settings, or else among those that are registered in the store.

    Raises
    ------
    UnknownFeatureError
        If it is in neither; it names those that come nearest.
    """
    configs = session_configs(settings)
    views = [view for config in configs.values() for view in config.views]
    try:
        view = select_features([f"{text}:*"], views)[0].view
    except UnknownFeatureError:
        if not settings.redis.url.get_secret_value():
            raise
        async with AsyncExitStack() as stack:
            store = await store_of(settings, stack)
            found = await run_query(store, FeatureLookup(store.keys).views(), "reading feature views")
        view = select_features([f"{text}:*"], [*views, *(one.view for one in found)])[0].view
    config, stream = configs.get(view.stream), SESSIONS.streams(settings).get(view.stream)
    if config is None or stream is None:
        return Source(
            view, SessionConfig((view,), view.stream), None, session_rows(view.stream, SessionStream())
        )
    topic = input_topic(stream, Topics(settings.prefix))
    return Source(view, replace(config, views=(view,)), topic, session_rows(view.stream, stream))


def file_events(paths: Sequence[str], columns: SessionColumns, preset: str | None) -> Recording:
    """Read files as `streamgauge replay sessions` does; a record's own time is that of its event.

    Raises
    ------
    SourceError
        If a file cannot be read.
    """
    files, recording = SessionFiles.find(paths, columns, preset), Recording()
    for batch in files.batches():
        found = DecodedRows.of(decode_sessions(batch.encode()))
        recording.add(found, [(0, None)] * len(batch))
    recording.left_out.update(dict(files.left_out))
    return recording


async def topic_events(settings: Settings, source: Source, topic: str | None) -> Recording:
    """Read what a topic holds now.

    Raises
    ------
    SettingsError
        If no broker or topic is named.
    BrokerError
        If it cannot be read.
    """
    named = topic or source.topic
    if named is None:
        raise SettingsError(
            f"the settings do not say where {source.view.key} comes from; name --topic or --events"
        )
    if not settings.kafka.servers:
        raise SettingsError("no broker: name --events FILE, or --kafka HOST:PORT, or set STREAMGAUGE_KAFKA")
    recording, records = Recording(), list[Any]()

    def take() -> None:
        recording.add(source.rows(records), [(one.partition, one.timestamp / 1000) for one in records])
        records.clear()

    async with reading(settings.kafka) as reader:
        async for record in reader.between(named, await reader.spans(named)):
            records.append(record)
            if len(records) >= _BATCH:
                take()
    take()
    recording.events = _merged(recording.events)
    return recording


def _merged(events: Sequence[Recorded]) -> list[Recorded]:
    """Order events of several partitions by when they came; those of one stay in their order, whatever its clock says."""
    latest: dict[int, float] = {}
    came = []
    for event in events:
        latest[event.partition] = max(latest.get(event.partition, 0.0), event.record_ts)
        came.append(latest[event.partition])
    return [events[i] for i in sorted(range(len(events)), key=came.__getitem__)]
