"""Backtests of data platforms: their metrics, queries and changes in, what a worker would tell out, and models beside it."""

from stream_app.backtesting.platform.comparison import Comparison, ModelRow, compare_models

__all__ = ["Comparison", "ModelRow", "compare_models"]
