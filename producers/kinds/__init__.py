"""Kinds of streams that can be replayed; each is a module here, found by itself."""

import functools
import importlib
import pkgutil

from producers.kinds.kind import Change, Kind, Selection

__all__ = ["Change", "Kind", "Selection", "kinds"]


@functools.cache
def kinds() -> dict[str, Kind]:
    """Return all kinds by name.

    Examples
    --------
    >>> "sensors" in kinds()
    True
    """
    modules = [
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    found = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)}
