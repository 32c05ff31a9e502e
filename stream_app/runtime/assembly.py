"""The parts of a worker, put together from its settings: its partitions, and one agent a stream of each kind."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from stream_app.core.reference import ReferenceTable
from stream_app.events import JSON, Format, Topics
from stream_app.formats import make_format, preparation
from stream_app.kinds import PLATFORM, PREDICTIONS, SENSORS, kind_of
from stream_app.kinds.layouts import sensor_layout
from stream_app.kinds.platform import platform_rows
from stream_app.kinds.predictions import prediction_rows
from stream_app.kinds.references import referring_streams
from stream_app.kinds.sessions import session_rows
from stream_app.monitors.base import Monitor
from stream_app.monitors.sessions import SessionConfig
from stream_app.runtime.agents import StreamAgent
from stream_app.runtime.bad_input import BadInputLimit
from stream_app.runtime.calibrations import Calibrations, MonitorMaker
from stream_app.runtime.delivery import BatchTransport
from stream_app.runtime.effects import Effects
from stream_app.runtime.live_features import Beside
from stream_app.runtime.log_checks import Logs
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.moved_sources import MovedSources
from stream_app.runtime.outages import Outages
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partition import Opener, SourceLimits
from stream_app.runtime.partitions import STATE_BYTES, Partitions
from stream_app.runtime.session_partition import SessionOpener
from stream_app.runtime.sessions import SessionAgent, SessionEffects
from stream_app.runtime.sources import Decode, SourceAgent, reading_decoder
from stream_app.settings import PlatformStream, PredictionStream, SensorStream, SessionStream, Settings
from stream_app.store import (
    AlertReader,
    AlertWriter,
    CalibrationStore,
    CheckpointStore,
    FeatureLogReader,
    FeatureLogWriter,
    FeatureWriter,
    HistoryWriter,
    NoticeWriter,
    PlatformWriter,
    ReferenceStore,
    Store,
)

__all__ = [
    "WorkerContext",
    "make_agent",
    "make_partitions",
    "platform_agent",
    "prediction_agent",
    "reading_agent",
    "session_agent",
]


def make_partitions(
    settings: Settings,
    topics: Mapping[str, str],
    sessions: Mapping[str, SessionConfig],
    store: Store,
    *,
    references: Mapping[str, tuple[str, ReferenceTable]],
    metrics: Metrics,
    logs: Logs,
    generation: Callable[[], int | None],
) -> Partitions:
    """Make what holds the partitions of all streams.

    Parameters
    ----------
    settings : Settings
        Settings of the worker and its streams.
    topics : mapping of str to str
        Topic to the name of its stream.
    sessions : mapping of str to SessionConfig
        Name of each stream of sessions to the configuration of its monitors.
    store : Store
        Where state and positions are stored.
    references : mapping of str to (str, ReferenceTable)
        Name of each stream whose settings name a reference to the file and its rows.
    metrics, logs, generation
        As for `Partitions`.
    """
    worker, key = settings.worker, settings.redis.signing_key
    checkpoints = CheckpointStore(store, worker.group)
    monitors: dict[str, Callable[[], Monitor]] = {}
    limits: dict[str, SourceLimits] = {}
    openers: dict[str, Opener] = {}
    calibrated: dict[str, tuple[str, MonitorMaker]] = {}
    referring = referring_streams(settings)
    for topic, name in topics.items():
        stream = settings.streams[name]
        make_monitor = kind_of(stream).monitor
        if make_monitor is None:
            openers[topic] = SessionOpener(
                checkpoints, AlertReader(store), sessions[name], key=key, clock=time.time
            )
            continue
        monitors[topic] = make_monitor(name, stream, None)
        if name in referring:
            calibrated[topic] = name, partial(make_monitor, name, stream)
        sources = cast(SensorStream | PredictionStream | PlatformStream, stream)
        limits[topic] = SourceLimits(settings.store_bytes(name), sources.source_ttl, sources.expected_sources)
    return Partitions(
        checkpoints,
        monitors,
        interval=worker.checkpoint_interval,
        metrics=metrics,
        logs=logs,
        limits=limits,
        max_state_bytes=worker.max_state_bytes
        or max(STATE_BYTES, sum(stream.expected_bytes for stream in settings.streams.values())),
        start_cold=worker.on_old_state == "cold",
        key=key,
        generation=generation,
        openers=openers,
        calibrations=Calibrations(
            calibrated, ReferenceStore(store, key), CalibrationStore(store), files=references
        ),
    )


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What the agents of a worker share; see `StreamAgent`."""

    settings: Settings
    sessions: Mapping[str, SessionConfig]
    store: Store
    producer: Any
    partitions: Partitions
    outbox: Outbox
    outages: Outages
    delivery: BatchTransport
    metrics: Metrics
    halt: Callable[[BaseException], None]

    @property
    def topics(self) -> Topics:
        """Names of the topics."""
        return Topics(self.settings.prefix)

    @property
    def limit(self) -> BadInputLimit:
        """Return a limit for bad input, for one agent."""
        return BadInputLimit(ratio=self.settings.worker.max_bad_ratio, run=self.settings.worker.max_bad_run)

    def common(self) -> dict[str, Any]:
        """Return the keyword arguments that agents of every kind take."""
        return {
            "outages": self.outages,
            "delivery": self.delivery,
            "metrics": self.metrics,
            "halt": self.halt,
        }


def make_agent(name: str, topic: str, context: WorkerContext) -> StreamAgent[Any]:
    """Make the agent of a stream of any kind."""
    kind = kind_of(context.settings.streams[name])
    agent: StreamAgent[Any] = kind.load(kind.agent)(name, topic, context)
    return agent


def reading_agent(name: str, topic: str, context: WorkerContext, decode: Decode | None = None) -> SourceAgent:
    """Make the agent of a stream of readings: sensors, images, or a kind with a `decode` of its own."""
    effects = Effects(*_for_effects(name, context), metrics=context.metrics)
    if decode is not None:
        return _source_agent(name, topic, context, effects, decode)
    stream = SENSORS.streams(context.settings)[name]
    wire = make_format(stream.format)
    decode = reading_decoder(categories=stream.categories, layout=sensor_layout(name, stream), wire=wire)
    return _source_agent(name, topic, context, effects, decode, wire)


def prediction_agent(name: str, topic: str, context: WorkerContext) -> SourceAgent:
    """Make the agent of a stream of predictions."""
    from stream_app.runtime.predictions import PredictionEffects, decode_answers  # noqa: PLC0415 see there

    notices = NoticeWriter(context.store)
    effects = PredictionEffects(*_for_effects(name, context), metrics=context.metrics, notices=notices)
    stream = PREDICTIONS.streams(context.settings)[name]
    wire = make_format(stream.format)
    read = prediction_rows(name, stream, wire)
    return _source_agent(name, topic, context, effects, partial(decode_answers, read=read), wire)


def platform_agent(name: str, topic: str, context: WorkerContext) -> SourceAgent:
    """Make the agent of a stream of data platforms."""
    from stream_app.runtime.platforms import SnapshotWriter, decode_platform  # noqa: PLC0415 see there

    effects = Effects(*_for_effects(name, context), metrics=context.metrics)
    stream = PLATFORM.streams(context.settings)[name]
    read = platform_rows(name, stream)
    snapshots = SnapshotWriter(PlatformWriter(context.store, name, ttl=stream.feature_ttl))
    decode = partial(decode_platform, read=read)
    return _source_agent(name, topic, context, effects, decode, beside=snapshots)


def _for_effects(name: str, context: WorkerContext) -> tuple[Any, ...]:
    alerts, reader = AlertWriter(context.store), AlertReader(context.store)
    return name, context.producer, context.topics, alerts, reader, context.outbox


def _source_agent(
    name: str,
    topic: str,
    context: WorkerContext,
    effects: Effects,
    decode: Decode,
    wire: Format = JSON,
    beside: Beside | None = None,
) -> SourceAgent:
    stream = cast(SensorStream | PredictionStream | PlatformStream, context.settings.streams[name])
    return SourceAgent(
        name,
        topic,
        context.partitions,
        context.limit,
        effects=effects,
        features=FeatureWriter(context.store, name, ttl=stream.feature_ttl),
        history=HistoryWriter(context.store, name, ttl=stream.feature_ttl),
        decode=decode,
        prepare=preparation(name, stream, wire, context.settings.schema_registry),
        moved=MovedSources(CheckpointStore(context.store, context.settings.worker.group), context.metrics),
        beside=beside,
        **context.common(),
    )


def session_agent(name: str, topic: str, context: WorkerContext) -> SessionAgent:
    """Make the agent of a stream of sessions."""
    config = context.sessions[name]
    stream = cast(SessionStream, context.settings.streams[name])
    wire = make_format(stream.format)
    effects = SessionEffects(
        context.partitions,
        FeatureLogWriter(context.store, config.views),
        context.producer,
        context.topics.dead_letters,
        AlertWriter(context.store),
        context.outbox,
        metrics=context.metrics,
    )
    return SessionAgent(
        name,
        topic,
        context.partitions,
        context.limit,
        effects=effects,
        logs=FeatureLogReader(context.store),
        views=[view.key for view in config.views],
        rows=session_rows(name, stream, wire),
        prepare=preparation(name, stream, wire, context.settings.schema_registry),
        **context.common(),
    )
