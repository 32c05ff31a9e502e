"""Kinds of streams by name: built-in ones, and those of other packages by the entry points ``streamgauge.kinds``.

A kind is imported when a stream has it, or when it is asked for; listing the names imports none.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from stream_app.errors import PluginError
from stream_app.plugins import find_plugin, load_object, plugins
from stream_app.settings.table import Stream

__all__ = ["KIND_GROUP", "StreamSettings", "kind_names", "load_kind"]

KIND_GROUP = "streamgauge.kinds"
"""Entry-point group of kinds that other packages offer; see `stream_app.kinds.Kind`."""

_OURS: Mapping[str, str] = {
    "sensors": "stream_app.kinds.sensors:SENSORS",
    "images": "stream_app.kinds.images:IMAGES",
    "predictions": "stream_app.kinds.predictions:PREDICTIONS",
    "sessions": "stream_app.kinds.sessions:SESSIONS",
}


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds.

    Examples
    --------
    >>> kind_names()[:4]
    ('sensors', 'images', 'predictions', 'sessions')
    """
    return (*_OURS, *(plugin.name for plugin in plugins(KIND_GROUP) if plugin.name not in _OURS))


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
    if name in _OURS:
        return load_object(_OURS[name], f"kind {name}")
    plugin = find_plugin(KIND_GROUP, name)
    if plugin is None:
        raise KeyError(name)
    kind = plugin.load()
    model = getattr(kind, "settings", None)
    label = f"kind {name} of {plugin.package} ({plugin.reference})"
    if not (isinstance(model, type) and issubclass(model, Stream)):
        raise PluginError(
            f"{label} is no stream_app.kinds.Kind with a model derived from stream_app.settings.Stream"
        )
    default = model.model_fields["kind"].default
    if default != name:
        raise PluginError(f"{label}: the default of {model.__name__}.kind is {default!r}, expected {name!r}")
    return kind


def _parse(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    # A stream that says nothing is one of sensors.
    name = value.get("kind", "sensors")
    if name not in kind_names():
        raise PydanticCustomError(
            "kind",
            "no such kind of stream; there are {kinds}",
            {"kinds": ", ".join(f'"{known}"' for known in kind_names())},
        )
    return load_kind(name).settings.model_validate(value)


StreamSettings: TypeAlias = Annotated[SerializeAsAny[Stream], BeforeValidator(_parse)]
"""A stream of any kind."""
