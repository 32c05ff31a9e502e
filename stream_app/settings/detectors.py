"""What the monitor file says of a detector."""

from typing import Annotated

from pydantic import Field

from stream_app.settings.table import Table

__all__ = ["DetectorSettings"]


class DetectorSettings(Table):
    """A detector to run on each channel beside the default ones, or on the errors of a model."""

    name: str
    """A windowed test (``ks``, ``psi``, ``wasserstein``, ``mann_whitney``), a River detector (``adwin``,
    ``page_hinkley``, ``kswin``, …) or a dotted name below ``river.drift``."""
    channels: tuple[str, ...] | None = None
    """The channels to run it on; all of them where none are named."""
    parameters: dict[str, float | int | str | bool] = Field({})
    every: Annotated[int, Field(ge=1)] | None = None
    """Feed every n-th event only."""
    alert: bool = True
    """Whether its signals raise alerts, or are only counted."""
    consecutive: Annotated[int, Field(ge=1)] = 1
    """Signals in a row that an alert needs."""
