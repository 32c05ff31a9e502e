"""Kinds of streams, one module a kind."""

from collections.abc import Iterator, Mapping
from typing import Any

from stream_app.errors import PluginError, SettingsError
from stream_app.events import Topics
from stream_app.kinds.images import IMAGES
from stream_app.kinds.kind import Kind
from stream_app.kinds.platform import PLATFORM
from stream_app.kinds.predictions import PREDICTIONS
from stream_app.kinds.sensors import SENSORS
from stream_app.kinds.sessions import SESSIONS
from stream_app.settings import Settings, Stream
from stream_app.settings.kinds import kind_names, load_kind

__all__ = [
    "IMAGES",
    "KINDS",
    "PLATFORM",
    "PREDICTIONS",
    "SENSORS",
    "SESSIONS",
    "Kind",
    "confidential_topics",
    "input_topic",
    "input_topics",
    "kind_of",
]


class _Kinds(Mapping[str, Kind[Any]]):
    """Kinds by name, those of other packages included; each is imported when it is looked up."""

    def __getitem__(self, name: str) -> Kind[Any]:
        kind = load_kind(name)
        if not isinstance(kind, Kind):
            raise PluginError(f"kind {name}: {kind!r} is no stream_app.kinds.Kind")
        return kind

    def __contains__(self, name: object) -> bool:
        return name in kind_names()

    def __iter__(self) -> Iterator[str]:
        return iter(kind_names())

    def __len__(self) -> int:
        return len(kind_names())


KINDS: Mapping[str, Kind[Any]] = _Kinds()
"""All kinds, by name."""


def kind_of(stream: Stream) -> Kind[Any]:
    """Return the kind of a stream.

    Examples
    --------
    >>> from stream_app.settings import ImageStream
    >>> kind_of(ImageStream()).name
    'images'
    """
    return KINDS[stream.kind]


def input_topics(settings: Settings) -> dict[str, str]:
    """Return the streams of some settings by the topics that they read.

    Raises
    ------
    SettingsError
        If two read the same topic, or one reads what Streamgauge writes: what is refused would be written there again.

    Examples
    --------
    >>> from stream_app.settings import SensorStream
    >>> input_topics(Settings(streams={"pumps": SensorStream(topic="plant")}))
    {'plant': 'pumps'}
    >>> input_topics(Settings(streams={"pumps": SensorStream(topic="dead.letters")}))
    Traceback (most recent call last):
    stream_app.errors.SettingsError: stream pumps reads dead.letters, which Streamgauge writes; give it another topic
    """
    topics = Topics(settings.prefix)
    streams: dict[str, str] = {}
    for name, stream in settings.streams.items():
        topic = input_topic(stream, topics)
        if topic in streams:
            raise SettingsError(
                f"streams {streams[topic]} and {name} read the same topic, {topic}; give each its own, or make them one stream"
            )
        if topic in topics.outputs():
            raise SettingsError(
                f"stream {name} reads {topic}, which Streamgauge writes; give it another topic"
            )
        streams[topic] = name
    return streams


def confidential_topics(settings: Settings) -> frozenset[str]:
    """Return the topics whose messages no page may show: those of the settings' streams, and those that such streams have by default.

    Examples
    --------
    >>> from stream_app.settings import PlatformStream, SensorStream
    >>> sorted(confidential_topics(Settings(streams={"pumps": SensorStream(), "lake": PlatformStream(topic="trino")})))
    ['platform.events', 'trino']
    """
    streams, topics = settings.streams, Topics(settings.prefix)
    named = {topic for topic, name in input_topics(settings).items() if kind_of(streams[name]).confidential}
    # Whoever looks at dead letters may do so without the worker's settings.
    own = (IMAGES, PLATFORM, PREDICTIONS, SENSORS, SESSIONS)
    return frozenset(named | {kind.topic(topics) for kind in own if kind.confidential})


def input_topic(stream: Stream, topics: Topics) -> str:
    """Return the topic that a stream reads: its own, or that of its kind."""
    return stream.topic or kind_of(stream).topic(topics)
