"""Weak slices: the parts of a model's input in which it errs significantly more often than overall."""

from stream_app.core.slices.config import SliceConfig
from stream_app.core.slices.detection_rates import DetectionRates, Rate, detection_rates
from stream_app.core.slices.finder import SliceFinder
from stream_app.core.slices.rules import Category, Condition, Interval, Missing, Rare, Slice, wilson
from stream_app.core.slices.weak_slices import weak_slices

__all__ = [
    "Category",
    "Condition",
    "DetectionRates",
    "Interval",
    "Missing",
    "Rare",
    "Rate",
    "Slice",
    "SliceConfig",
    "SliceFinder",
    "detection_rates",
    "weak_slices",
    "wilson",
]
