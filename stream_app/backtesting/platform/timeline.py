"""The picture of one platform over time: the evidence, its bound, and incidents."""

from importlib import import_module
from pathlib import Path

import numpy as np

from stream_app.backtesting.platform.run import PlatformWindows
from stream_app.backtesting.plot import FOUND, LEARNING, LINE, TRUTH, axis_times, put_title, set_axis
from stream_app.core.arrays import BoolArray
from stream_app.replacing import replacing

__all__ = ["plot_timeline"]


def plot_timeline(
    name: str, windows: PlatformWindows, path: Path, *, truth: BoolArray | None = None, told: str = ""
) -> None:
    """Draw the evidence of all windows and write the picture as PNG.

    Parameters
    ----------
    name : str
        Of the platform, for the title.
    windows : PlatformWindows
    path : Path
        Where to; ends in ``.png``.
    truth : ndarray of shape (n,), optional
        Whether there was an incident in each window.
    told : str
        A line under the title, with figures.
    """
    figure = import_module("matplotlib.figure").Figure(figsize=(12.0, 4.2), layout="constrained")
    axis = figure.subplots()
    ts = axis_times(windows.ends, None)
    axis.plot(ts, windows.scores, color=LINE, lw=0.9, label="evidence that the platform gets worse")
    axis.plot(ts, windows.thresholds, color=LEARNING, lw=1.0, ls="--", label="bound by the budget")
    # Above the lines, one below the other.
    spans = [(np.array(windows.open, dtype=bool), FOUND, 0.92, "incident told")]
    if truth is not None:
        spans.append((truth, TRUTH, 0.84, "true incident"))
    for flags, colour, height, label in spans:
        if flags.any():
            axis.fill_between(
                ts, height, height + 0.08, where=flags, step="pre", transform=axis.get_xaxis_transform(),
                color=colour, lw=0, label=label,
            )  # fmt: skip
    set_axis(axis, None)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    put_title(axis, name, told)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=8)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)
