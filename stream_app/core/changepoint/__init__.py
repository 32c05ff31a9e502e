"""Changepoints of the level of a multivariate stream, each emitted once."""

from stream_app.core.changepoint.mean_shift import MeanShiftDetector, ShiftScale

__all__ = ["MeanShiftDetector", "ShiftScale"]
