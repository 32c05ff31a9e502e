"""Fairness of a classifier: how answers and errors are distributed over groups."""

from stream_app.core.fairness.figures import (
    FairnessOptions,
    FairnessReport,
    FourFifths,
    GroupMetrics,
    Measured,
    Violation,
)
from stream_app.core.fairness.outcomes import GroupOutcomes

__all__ = [
    "FairnessOptions",
    "FairnessReport",
    "FourFifths",
    "GroupMetrics",
    "GroupOutcomes",
    "Measured",
    "Violation",
]
