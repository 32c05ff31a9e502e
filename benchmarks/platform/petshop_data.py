"""The PetShop data set: normal days, incidents with their root causes, the call graph (Hardt et al. 2024)."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import Group, Series

__all__ = ["Fault", "load_faults", "load_graph", "load_normal"]

WINDOW = 300.0
"""Seconds of one row."""
MEANING: dict[str, tuple[Group, bool | None]] = {
    "latency": ("latency", True),
    "availability": ("errors", False),
    "requests": ("requests", None),
}
"""What a metric of the data set is about, and which direction of it is bad."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault: rows around it, where it was felt and what was to blame."""

    name: str
    metric: str
    root_cause: str
    felt: float
    ends: FloatArray
    values: FloatArray


def read(path: Path) -> tuple[FloatArray, FloatArray, tuple[Series, ...]]:
    """Return ends of windows, values and series of one file of metrics."""
    with path.open(newline="") as file:
        services, metrics, statistics, _, *rows = csv.reader(file)
    series = tuple(
        Series(service, f"{metric} {statistic}", *_placed(metric))
        for service, metric, statistic in zip(services[1:], metrics[1:], statistics[1:], strict=True)
    )
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return table[:, 0] + WINDOW, table[:, 1:], series


def _placed(metric: str) -> tuple[Group, str, bool | None]:
    group, higher_is_worse = MEANING[metric]
    return group, "service", higher_is_worse
