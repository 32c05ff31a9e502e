"""The clusters of each model in one picture: windows on their first two principal components."""

from collections.abc import Sequence
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from stream_app.backtesting.platform.comparison import Comparison
from stream_app.backtesting.platform.silhouette import NOISE
from stream_app.backtesting.plot import FOUND, LEARNING
from stream_app.core.arrays import FloatArray
from stream_app.replacing import replacing

__all__ = ["plot_models"]

_COLUMNS = 4
_COLOURS = ("#1f3a5f", "#0a7d6c", "#e0a100", "#7b3fa0", "#3f8fd2", "#8c5a2b", "#5b8c2a", "#c46fa8")
_QUANTILES = (0.005, 0.995)
"""Windows that lie farther out are drawn at the border, so that one of them does not squeeze all others."""


def plot_models(comparison: Comparison, path: Path, title: str) -> None:
    """Draw the windows once for each model, in the colours of its clusters, and write the picture as PNG.

    Windows of no cluster are grey. Where the truth is known, the first part of the picture shows it: incidents are red.

    Parameters
    ----------
    comparison : Comparison
        With at least one model that has clusters.
    path : Path
        Where to; ends in ``.png``.
    title : str
        What the windows are of.
    """
    models = list(comparison.clusters)
    truth = comparison.truth
    shown = [None, *models] if truth is not None else models
    columns = min(_COLUMNS, len(shown))
    lines = ceil(len(shown) / columns)
    figure = import_module("matplotlib.figure").Figure(
        figsize=(3.4 * columns, 0.8 + 3.0 * lines), layout="constrained"
    )
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    low, high = np.quantile(comparison.points, _QUANTILES, axis=0)
    room = 0.15 * np.maximum(high - low, 1e-9)
    low, high = low - room, high + room
    points = np.clip(comparison.points, low, high)
    for axis, name in zip(axes, shown, strict=False):
        if name is None and truth is not None:
            colours = [FOUND if wrong else LEARNING for wrong in truth.tolist()]
            _draw(axis, points, colours, "truth: incidents")
        elif name is not None:
            _draw(axis, points, _colours(comparison, name), _title(comparison, name))
        axis.set_xlim(low[0] - room[0] / 3, high[0] + room[0] / 3)
        axis.set_ylim(low[1] - room[1] / 3, high[1] + room[1] / 3)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    first, second = (100.0 * share for share in comparison.explained)
    figure.suptitle(
        f"{title}: windows on two principal components ({first:.0f} % and {second:.0f} % of the variance)",
        fontsize=10,
    )
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)


def _draw(axis: Any, points: FloatArray, colours: Sequence[str], title: str) -> None:
    axis.scatter(points[:, 0], points[:, 1], s=6, c=colours, alpha=0.6, linewidths=0)
    axis.set_title(title, fontsize=8, loc="left")
    axis.set_xticks([])
    axis.set_yticks([])
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _colours(comparison: Comparison, name: str) -> list[str]:
    clusters = comparison.clusters[name].tolist()
    return [LEARNING if cluster == NOISE else _COLOURS[cluster % len(_COLOURS)] for cluster in clusters]


def _title(comparison: Comparison, name: str) -> str:
    row = next(row for row in comparison.rows if row.name == name)
    told = "" if row.silhouette is None else f", silhouette {row.silhouette:.2f}"
    return f"{name}: {row.clusters} {'cluster' if row.clusters == 1 else 'clusters'}{told}"
