"""What only images need, and a base installation lacks."""

from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import Any

from stream_app.errors import MissingExtraError

__all__ = ["needed"]

# Each name stands in the source: what a file or an event names is never imported.
_MODULES: MappingProxyType[str, tuple[str, Callable[[], Any]]] = MappingProxyType(
    {
        "PIL.Image": ("Pillow", lambda: import_module("PIL.Image")),
        "skops.io": ("skops", lambda: import_module("skops.io")),
        "sklearn": ("scikit-learn", lambda: import_module("sklearn")),
        "sklearn.datasets": ("scikit-learn", lambda: import_module("sklearn.datasets")),
        "sklearn.ensemble": ("scikit-learn", lambda: import_module("sklearn.ensemble")),
    }
)


def needed(module: str) -> Any:
    """Import a module of the extra ``images``.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    package, load = _MODULES[module]
    try:
        return load()
    except ImportError:
        raise MissingExtraError("images need", package, "images") from None
