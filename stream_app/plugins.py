"""Objects from outside the package: entry points of installed packages, and what is named ``module:attribute``."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any

from stream_app.errors import PluginError

__all__ = ["Plugin", "find_plugin", "load_object", "names_with_plugins", "plugins"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point of an installed package.

    Parameters
    ----------
    group : str
        Entry-point group, such as ``streamgauge.detectors``.
    name : str
        Name in the group; the name in the settings.
    reference : str
        Where the object is, ``module:attribute``.
    package : str
        Name and version of the package that declares it.
    """

    group: str
    name: str
    reference: str
    package: str

    def load(self) -> Any:
        """Import the object.

        Raises
        ------
        PluginError
            If it cannot be imported.
        """
        return load_object(self.reference, f"{self.name} of {self.package} ({self.reference})")


@lru_cache(maxsize=8)
def plugins(group: str) -> tuple[Plugin, ...]:
    """Return the entry points of a group, by name; none of them is imported.

    Parameters
    ----------
    group : str
        Name of the group.

    Examples
    --------
    >>> plugins("streamgauge.no-such-group")
    ()
    """
    found = {
        Plugin(group, one.name, one.value, f"{one.dist.name} {one.dist.version}" if one.dist else "a package")
        for one in entry_points(group=group)
    }
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.package)))


def names_with_plugins(ours: Iterable[str], group: str) -> tuple[str, ...]:
    """Return names of ours, and those that only the entry points of a group have behind them.

    Examples
    --------
    >>> names_with_plugins(("ours",), "streamgauge.no-such-group")
    ('ours',)
    """
    known = tuple(ours)
    return (*known, *(plugin.name for plugin in plugins(group) if plugin.name not in known))


def find_plugin(group: str, name: str) -> Plugin | None:
    """Return the entry point of a name, None where there is none.

    Raises
    ------
    PluginError
        If two packages declare the name.
    """
    found = [plugin for plugin in plugins(group) if plugin.name == name]
    if len(found) > 1:
        raise PluginError(
            f"{name}: {' and '.join(plugin.package for plugin in found)} both declare it in {group}; "
            "uninstall one of them"
        )
    return found[0] if found else None


def load_object(reference: str, label: str) -> Any:
    """Import an object by its name ``module:attribute``.

    Parameters
    ----------
    reference : str
        Module and attribute.
    label : str
        What the object is, for messages.

    Raises
    ------
    PluginError
        If it cannot be imported.

    Examples
    --------
    >>> load_object("math:tau", "the circle's constant")
    6.283185307179586
    >>> load_object("plant.detectors:Ewma", "detector Ewma")
    Traceback (most recent call last):
    stream_app.errors.PluginError: detector Ewma: no module named 'plant'; install it, or add its directory to PYTHONPATH
    """
    module, _, attribute = reference.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise PluginError(f"{label}: {reference!r} is not module:attribute")
    try:
        return resolve_name(reference)
    except ModuleNotFoundError as error:
        raise PluginError(
            f"{label}: no module named {error.name!r}; install it, or add its directory to PYTHONPATH"
        ) from error
    # A module may raise anything when it is imported; one line has to name the plug-in.
    except Exception as error:
        raise PluginError(f"{label} cannot be imported: {type(error).__name__}: {error}") from error
