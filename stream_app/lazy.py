"""Names of a package that are loaded when they are first asked for (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package whose names are in modules that need not be loaded with it.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : mapping of name to module
        Where each name is, below ``stream_app``.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"stream_app.{modules[name]}"), name)
        # Kept, so that it is looked for once.
        setattr(sys.modules[package], name, found)
        return found

    return get
