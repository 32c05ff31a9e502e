"""What the monitor of a model asks of its performance, be its answers classes or values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.monitors.predictions.columns import Labelled, PredictionColumns
from stream_app.monitors.predictions.intake import Admitted
from stream_app.monitors.predictions.outcome import PredictionBatch
from stream_app.monitors.predictions.signals import Named

__all__ = ["Judgement", "Performance", "Standing", "Summaries"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of the labelled predictions of some events.

    Parameters
    ----------
    signals : list of (detector, Signal)
        What was seen.
    labelled : Labelled
        Those that are known to be right or wrong.
    row : array of int, shape (n,)
        Places in the batch of all of them.
    figures : array, shape (n, 2)
        Their figures for charts, named by `Performance.channels`.
    """

    signals: list[Named]
    labelled: Labelled
    row: IntArray
    figures: FloatArray


@dataclass(frozen=True, slots=True)
class Standing:
    """Figure of a model now, and its limit.

    Parameters
    ----------
    measure : str
        What the figure is.
    value, limit : float
        NaN if unknown.
    is_least : bool
        Whether the figure must not fall below the limit; else it must not rise above.
    beyond : bool
        Whether it is credibly beyond the limit.
    """

    measure: str
    value: float
    limit: float
    is_least: bool
    beyond: bool


class Summaries(Protocol):
    """A part whose signals have summaries of their own."""

    summaries: dict[tuple[str, int], str]
    """Of the signals of this delivery, by channel and place in the batch."""


class Performance(Protocol):
    """Performance of one source: figures over windows, the baseline, and tests against it."""

    channels: tuple[str, str]
    """Names of the figures for charts."""

    @property
    def told(self) -> Mapping[str, Summaries]:
        """Parts whose signals have summaries of their own, by detector."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Detectors that share the budget, with their weights."""

    @property
    def labelled(self) -> int:
        """Labelled predictions so far."""

    @property
    def drifts(self) -> Mapping[str, int]:
        """Drifts of the errors so far, by detector."""

    @property
    def cold(self) -> list[str]:
        """Why detectors of errors started cold when the state was restored."""

    def standing(self) -> Standing:
        """Return the leading figure of the window."""

    def arm(self, rates: Mapping[str, float]) -> None:
        """Start the tests, with these false-alarm rates per event."""

    def update(
        self, block: Admitted, batch: PredictionBatch, predictions: PredictionColumns, since: int
    ) -> Judgement:
        """Take events; those after the place `since` of the batch are judged."""

    def features(self) -> dict[str, float | None]:
        """Live figures."""

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""

    def restore(self, state: Mapping[str, Any], rates: Mapping[str, float] | None) -> None:
        """Restore from `state`."""
