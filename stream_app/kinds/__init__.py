"""Kinds of streams, one module a kind."""

from collections.abc import Mapping
from typing import Any

from stream_app.events import Topics
from stream_app.kinds.images import IMAGES
from stream_app.kinds.kind import Kind
from stream_app.kinds.predictions import PREDICTIONS
from stream_app.kinds.sensors import SENSORS
from stream_app.kinds.sessions import SESSIONS
from stream_app.settings import StreamSettings

__all__ = ["IMAGES", "KINDS", "PREDICTIONS", "SENSORS", "SESSIONS", "Kind", "input_topic", "kind_of"]

KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (SENSORS, IMAGES, PREDICTIONS, SESSIONS)}
"""All kinds, by name."""


def kind_of(stream: StreamSettings) -> Kind[Any]:
    """Return the kind of a stream.

    Examples
    --------
    >>> from stream_app.settings import ImageStream
    >>> kind_of(ImageStream()).name
    'images'
    """
    return KINDS[stream.kind]


def input_topic(stream: StreamSettings, topics: Topics) -> str:
    """Return the topic that a stream reads: its own, or that of its kind."""
    return stream.topic or kind_of(stream).topic(topics)
