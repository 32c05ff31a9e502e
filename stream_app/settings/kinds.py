"""Kinds of streams by name: built-in ones, and those of other packages by the entry points ``streamgauge.kinds``.

A kind is imported when a stream has it, or when it is asked for; listing the names imports none.
"""

from functools import cache
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, SerializeAsAny

from stream_app.settings.registry import Registry
from stream_app.settings.table import Stream

__all__ = ["KIND_GROUP", "StreamSettings", "kind_names", "load_kind"]

KIND_GROUP = "streamgauge.kinds"
"""Entry-point group of kinds that other packages offer; see `stream_app.kinds.Kind`."""

_KINDS = Registry(
    noun="kind",
    unknown="no such kind of stream",
    group=KIND_GROUP,
    ours={
        "sensors": "stream_app.kinds.sensors:SENSORS",
        "images": "stream_app.kinds.images:IMAGES",
        "predictions": "stream_app.kinds.predictions:PREDICTIONS",
        "sessions": "stream_app.kinds.sessions:SESSIONS",
        "platform": "stream_app.kinds.platform:PLATFORM",
    },
    expected="stream_app.kinds.Kind",
    model=Stream,
    default="sensors",
)


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds.

    Examples
    --------
    >>> kind_names()[:4]
    ('sensors', 'images', 'predictions', 'sessions')
    """
    return _KINDS.names()


@cache
def load_kind(name: str) -> Any:
    """Return the `stream_app.kinds.Kind` of a name; ours win over those of other packages.

    Raises
    ------
    KeyError
        If there is none.
    PluginError
        If it cannot be imported, or is no kind of that name.
    """
    return _KINDS.load(name)


def _parse(value: Any) -> Any:
    return _KINDS.parse(value, load_kind)


StreamSettings: TypeAlias = Annotated[SerializeAsAny[Stream], BeforeValidator(_parse)]
"""A stream of any kind."""
