"""What only images need, and a base installation lacks."""

from importlib import import_module
from typing import Any

from stream_app.errors import SettingsError

__all__ = ["needed"]

_PACKAGES = {"PIL": "Pillow", "sklearn": "scikit-learn", "skops": "skops"}


def needed(module: str) -> Any:
    """Import a module of the extra ``images``.

    Raises
    ------
    SettingsError
        When it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = _PACKAGES[module.partition(".")[0]]
        raise SettingsError(
            f"images need {package}; install it with: pip install 'streamgauge[images]'"
        ) from None
