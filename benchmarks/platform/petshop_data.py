"""The PetShop data set: normal days, incidents with their root causes, the call graph (Hardt et al. 2024)."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import Group, Series

__all__ = ["WINDOW", "Fault", "load_faults", "load_graph", "load_normal"]

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
    """One injected fault: windows around it, where and when it was felt and what was to blame."""

    name: str
    metric: str
    root_cause: str
    felt_at: str
    felt: float
    ends: FloatArray
    values: FloatArray
    series: tuple[Series, ...]


def read(path: Path) -> tuple[FloatArray, FloatArray, tuple[Series, ...]]:
    """Return ends of windows, values and series of one file of metrics."""
    with path.open(newline="") as file:
        services, metrics, statistics, _, *rows = csv.reader(file)
    series = tuple(
        _placed(metric, service, statistic)
        for service, metric, statistic in zip(services[1:], metrics[1:], statistics[1:], strict=True)
    )
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return table[:, 0] + WINDOW, table[:, 1:], series


def load_normal(directory: Path) -> tuple[FloatArray, FloatArray, tuple[Series, ...]]:
    """Return ends of windows, values and series of the normal days."""
    return read(directory / "noissue" / "metrics.csv")


def load_faults(directory: Path) -> list[Fault]:
    """Return the injected faults, in the order of their names."""
    faults = []
    for path in sorted(directory.glob("*/*/target.json")):
        truth = json.loads(path.read_text())
        ends, values, series = read(path.with_name("metrics.csv"))
        target, cause = truth["target"], truth["root_cause"]["node"]
        name = f"{path.parent.parent.name}/{path.parent.name}"
        faults.append(
            Fault(
                name,
                target["metric"],
                cause,
                target["node"],
                float(target["timestamp"]),
                ends,
                values,
                series,
            )
        )
    return faults


def load_graph(directory: Path) -> CallGraph:
    """Return the call graph."""
    with (directory / "graph.csv").open(newline="") as file:
        return CallGraph.from_csv(file)


def _placed(metric: str, service: str, statistic: str) -> Series:
    group, higher_is_worse = MEANING[metric]
    return Series(service, f"{metric} {statistic}", group, "service", higher_is_worse)
