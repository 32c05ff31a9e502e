"""What the settings name by ``kind``: built-in ones, and those of other packages by entry points."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from stream_app.errors import PluginError
from stream_app.plugins import find_plugin, load_object, names_with_plugins

__all__ = ["Registry"]


@dataclass(frozen=True, slots=True)
class Registry:
    """Objects by name that have a model of their settings, in which ``kind`` is that name by default.

    Parameters
    ----------
    noun : str
        What each is, for messages.
    unknown : str
        What is said of a name that nothing has.
    group : str
        Entry-point group of those of other packages.
    ours : mapping of str to str
        Where the built-in ones are, ``module:attribute`` by name.
    expected : str
        Class of the objects, for messages.
    model : type of BaseModel
        What the models of their settings derive from; public in `stream_app.settings`.
    default : str, optional
        Name where the settings have none.
    """

    noun: str
    unknown: str
    group: str
    ours: Mapping[str, str]
    expected: str
    model: type[BaseModel]
    default: str | None = None

    def names(self) -> tuple[str, ...]:
        """Return all names; none is imported."""
        return names_with_plugins(self.ours, self.group)

    def load(self, name: str) -> Any:
        """Return the object of a name; ours win over those of other packages.

        Raises
        ------
        KeyError
            If there is none.
        PluginError
            If it cannot be imported, or is not what is expected of that name.
        """
        if name in self.ours:
            return load_object(self.ours[name], f"{self.noun} {name}")
        plugin = find_plugin(self.group, name)
        if plugin is None:
            raise KeyError(name)
        found = plugin.load()
        model = getattr(found, "settings", None)
        label = f"{self.noun} {name} of {plugin.package} ({plugin.reference})"
        if not (isinstance(model, type) and issubclass(model, self.model)):
            raise PluginError(
                f"{label} is no {self.expected} with a model derived from stream_app.settings.{self.model.__name__}"
            )
        default = model.model_fields["kind"].default
        if default != name:
            raise PluginError(
                f"{label}: the default of {model.__name__}.kind is {default!r}, expected {name!r}"
            )
        return found

    def parse(self, value: Any, load: Any) -> Any:
        """Validate a table by the model of its kind, which `load` returns the object of; anything else is left as it is.

        Raises
        ------
        PydanticCustomError
            If no object has that name.
        """
        if not isinstance(value, Mapping):
            return value
        name = value.get("kind", self.default)
        known = self.names()
        if name not in known:
            listed = ", ".join(f'"{one}"' for one in known)
            raise PydanticCustomError("kind", f"{self.unknown}; there are {{kinds}}", {"kinds": listed})
        return load(name).settings.model_validate(value)
