"""Weak slices: the parts of a model's input in which it errs significantly more often than overall."""

from stream_app.core.slices.config import SliceConfig
from stream_app.core.slices.finder import SliceFinder
from stream_app.core.slices.rules import Category, Condition, Interval, Missing, Rare, Slice, wilson

__all__ = [
    "Category",
    "Condition",
    "Interval",
    "Missing",
    "Rare",
    "Slice",
    "SliceConfig",
    "SliceFinder",
    "wilson",
]
