"""Signals from the buffers of the drift kernels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream_app.core.kernel import contributions
from stream_app.core.signals import WHOLE_SOURCE, Signal

__all__ = ["drift_signal", "multivariate_signal"]

_NAMES = ("drift.level", "drift.scale", "drift.shape", "drift.correlation")
_MULTIVARIATE_NAMES = ("drift.multivariate", "drift.distance")
_FIGURES = (
    "mean_before",
    "mean_after",
    "std_before",
    "std_after",
    "events_since_onset",
    "correlation_before",
)


def drift_signal(row: npt.NDArray[np.void], ts: float, channels: Sequence[str]) -> Signal:
    """Make a signal of what `drift_step` emitted.

    Parameters
    ----------
    row : record of `SIGNAL`
        What was emitted.
    ts : float
        Time of the event.
    channels : sequence of str
        Names of the columns.
    """
    return _signal(row, ts, channels, _NAMES)


def multivariate_signal(row: npt.NDArray[np.void], ts: float, channels: Sequence[str]) -> Signal:
    """Make a signal of what `multivariate_step` emitted; parameters as for `drift_signal`."""
    return _signal(row, ts, channels, _MULTIVARIATE_NAMES)


def _signal(row: npt.NDArray[np.void], ts: float, channels: Sequence[str], names: tuple[str, ...]) -> Signal:
    figures = zip(_FIGURES, row["figures"].tolist(), strict=True)
    channel = int(row["channel"])
    return Signal(
        row=int(row["row"]),
        ts=ts,
        kind="drift",
        detector=names[int(row["detector"])],
        channel=WHOLE_SOURCE if channel < 0 else channels[channel],
        statistic=float(row["statistic"]),
        threshold=float(row["threshold"]),
        contributions=contributions(row, channels),
        context=tuple((name, figure) for name, figure in figures if np.isfinite(figure)),
    )
