"""The parts of a worker, put together from its settings: its partitions, and one agent a stream of each kind."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from stream_app.events import Readings, Topics
from stream_app.monitors.base import Monitor
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.monitors.sensors import SensorMonitor
from stream_app.monitors.sessions import SessionConfig
from stream_app.runtime.agents import SourceAgent
from stream_app.runtime.batching import BatchTransport
from stream_app.runtime.configuration import monitor_config
from stream_app.runtime.decoding import predictions, readings
from stream_app.runtime.effects import Effects
from stream_app.runtime.limits import BadInputLimit
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import Outages
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partition import SourceLimits
from stream_app.runtime.partitions import LogRanges, Opener, Partitions
from stream_app.runtime.prediction_configuration import prediction_config
from stream_app.runtime.predictions import PredictionEffects
from stream_app.runtime.session_partition import SessionOpener
from stream_app.runtime.sessions import SessionAgent, SessionEffects
from stream_app.settings import PredictionStream, SensorStream, SessionStream, Settings
from stream_app.store import (
    AlertReader,
    AlertWriter,
    CheckpointStore,
    FeatureLogReader,
    FeatureLogWriter,
    FeatureWriter,
    NoticeWriter,
    Store,
)

__all__ = ["Surroundings", "make_partitions", "session_agent", "source_agent"]


def make_partitions(
    settings: Settings,
    topics: Mapping[str, str],
    sessions: Mapping[str, SessionConfig],
    store: Store,
    *,
    references: Mapping[str, Readings],
    metrics: Metrics,
    log_ranges: LogRanges,
    generation: Callable[[], int | None],
) -> Partitions:
    """Make what holds the partitions of all streams.

    Parameters
    ----------
    settings : Settings
        The settings.
    topics : mapping of str to str
        Topic to the name of its stream.
    sessions : mapping of str to SessionConfig
        Name of each stream of sessions to what its monitors are told.
    store : Store
        Where state and positions are stored.
    references : mapping of str to Readings
        Name of each stream that has one to what its sources learn from before their first event.
    metrics, log_ranges, generation
        As for `Partitions`.
    """
    worker, key = settings.worker, settings.redis.signing_key
    checkpoints = CheckpointStore(store, worker.group)
    monitors: dict[str, Callable[[], Monitor]] = {}
    limits: dict[str, SourceLimits] = {}
    openers: dict[str, Opener] = {}
    for topic, name in topics.items():
        stream = settings.streams[name]
        if isinstance(stream, SessionStream):
            openers[topic] = SessionOpener(checkpoints, sessions[name], key=key, clock=time.time)
            continue
        if isinstance(stream, PredictionStream):
            monitors[topic] = partial(PredictionMonitor, prediction_config(name, stream))
        else:
            monitors[topic] = partial(SensorMonitor, monitor_config(name, stream), references.get(name))
        limits[topic] = SourceLimits(stream.max_sources, stream.source_ttl)
    return Partitions(
        checkpoints,
        monitors,
        interval=worker.checkpoint_interval,
        metrics=metrics,
        log_ranges=log_ranges,
        limits=limits,
        max_in_memory=worker.max_sources_in_memory,
        start_cold=worker.on_old_state == "cold",
        key=key,
        generation=generation,
        openers=openers,
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the agents of a worker share; see `StreamAgent`."""

    settings: Settings
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
        """Return what agents of every kind are told by name."""
        return {
            "outages": self.outages,
            "delivery": self.delivery,
            "metrics": self.metrics,
            "halt": self.halt,
        }


def source_agent(name: str, topic: str, around: Surroundings) -> SourceAgent:
    """Make the agent of a stream of sensors, images or predictions."""
    stream = cast(SensorStream | PredictionStream, around.settings.streams[name])
    common: tuple[Any, ...] = (
        name,
        around.producer,
        around.topics,
        AlertWriter(around.store),
        AlertReader(around.store),
        around.outbox,
    )
    features = FeatureWriter(around.store, name, ttl=stream.feature_ttl)
    if isinstance(stream, SensorStream):
        effects, decode = Effects(*common, metrics=around.metrics), readings()
    else:
        notices = NoticeWriter(around.store)
        effects, decode = PredictionEffects(*common, metrics=around.metrics, notices=notices), predictions
    return SourceAgent(
        name,
        topic,
        around.partitions,
        around.limit,
        effects=effects,
        features=features,
        decode=decode,
        **around.common(),
    )


def session_agent(name: str, topic: str, config: SessionConfig, around: Surroundings) -> SessionAgent:
    """Make the agent of a stream of sessions."""
    stream = cast(SessionStream, around.settings.streams[name])
    effects = SessionEffects(
        around.partitions,
        FeatureLogWriter(around.store, config.views),
        around.producer,
        around.topics.dead_letters,
    )
    return SessionAgent(
        name,
        topic,
        around.partitions,
        around.limit,
        effects=effects,
        logs=FeatureLogReader(around.store),
        views=[view.key for view in config.views],
        entity_field=stream.entity_field,
        **around.common(),
    )
