"""A package of somebody else that is imported in place of our `producers`."""

import sys
from pathlib import Path

from stream_app.errors import StreamgaugeError

__all__ = ["raise_if_shadowed"]


def raise_if_shadowed(error: ImportError) -> None:
    """Name the package that was imported in place of ours, if that is why an import failed.

    Parameters
    ----------
    error : ImportError
        What the import failed with.

    Raises
    ------
    StreamgaugeError
        If a package or module called ``producers`` comes before ours on the import path.
    """
    imported = getattr(sys.modules.get("producers"), "__file__", None)
    ours = Path(__file__).parents[2] / "producers" / "__init__.py"
    if (error.name or "").partition(".")[0] != "producers" or imported is None or Path(imported) == ours:
        return
    raise StreamgaugeError(
        f"{imported} is imported in place of Streamgauge's package of the same name; rename it, or run from another folder"
    ) from error
