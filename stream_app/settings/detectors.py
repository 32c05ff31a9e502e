"""What the monitor file says of a detector."""

from typing import Annotated

from pydantic import Field

from stream_app.settings.table import Table

__all__ = ["DetectorSettings"]


class DetectorSettings(Table):
    """A detector to run on each channel beside the default ones, or on the errors of a model.

    Parameters
    ----------
    name : str
        A windowed test (``ks``, ``psi``, ``wasserstein``, ``mann_whitney``), a River detector (``adwin``, ``page_hinkley``,
        ``kswin``, …) or a dotted name below ``river.drift``.
    channels : list of str, optional
        The channels to run it on; all of them by default.
    parameters : table
        Arguments of its constructor.
    every : int, optional
        Feed every n-th event only; the detector's own habit by default.
    alert : bool
        Whether its signals raise alerts, or are only counted as features.
    consecutive : int
        Signals in a row that an alert needs.
    """

    name: str
    channels: tuple[str, ...] | None = None
    parameters: dict[str, float | int | str | bool] = Field({})
    every: Annotated[int, Field(ge=1)] | None = None
    alert: bool = True
    consecutive: Annotated[int, Field(ge=1)] = 1
