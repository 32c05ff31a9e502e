"""Drift of a source within a false-alarm budget."""

from stream_app.core.drift.config import DriftConfig, DriftResult, DriftVerdict, MultivariateConfig
from stream_app.core.drift.one_source import DriftDetector, MultivariateDriftDetector

__all__ = [
    "DriftConfig",
    "DriftDetector",
    "DriftResult",
    "DriftVerdict",
    "MultivariateConfig",
    "MultivariateDriftDetector",
]
