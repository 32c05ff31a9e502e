"""Settings of a detector."""

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import Field

from stream_app.settings.table import Table

__all__ = ["DetectorSettings", "refused_modules"]


class DetectorSettings(Table):
    """A detector to run on each channel beside the default ones, or on the errors of a model.

    Parameters
    ----------
    name : str
        A windowed test (``ks``, ``psi``, ``wasserstein``, ``mann_whitney``), a River detector (``adwin``, ``page_hinkley``,
        ``kswin``, …), a dotted name below ``river.drift``, a detector of an installed package, or ``module:Class`` of a module
        in ``detector_modules``; ``streamgauge detectors`` lists them.
    channels : list of str, optional
        The channels to run it on; all of them by default.
    parameters : table
        Arguments of its constructor.
    every : int, optional
        Feed a River detector every n-th event only; by default 10 for ``kswin``, 1 for others.
    alert : bool
        Whether its signals raise alerts, or only appear as features.
    consecutive : int
        Consecutive signals that an alert needs.
    """

    name: str
    channels: tuple[str, ...] | None = None
    parameters: dict[str, float | int | str | bool] = Field({})
    every: Annotated[int, Field(ge=1)] | None = None
    alert: bool = True
    consecutive: Annotated[int, Field(ge=1)] = 1

    @property
    def module(self) -> str | None:
        """The module that the detector is imported from, None unless it is named ``module:Class``."""
        module, colon, _ = self.name.partition(":")
        return module if colon else None


def refused_modules(stream: Table, allowed: Collection[str]) -> list[str]:
    """Return the detectors of a stream, by name, whose modules are not among those that may be imported.

    Parameters
    ----------
    stream : Table
        Settings of a stream of any kind.
    allowed : collection of str
        Modules that may be imported.
    """
    detectors: Iterable[DetectorSettings] = getattr(stream, "detectors", None) or ()
    return [one.name for one in detectors if one.module is not None and one.module not in allowed]
