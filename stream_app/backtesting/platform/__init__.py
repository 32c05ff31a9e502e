"""Backtests of data platforms: their metrics, queries and changes in, what a worker would tell out, and models beside it."""

from stream_app.backtesting.platform.comparison import Comparison, ModelRow, compare_models
from stream_app.backtesting.platform.registering import register_classifiers
from stream_app.backtesting.platform.report import PlatformReport
from stream_app.backtesting.platform.run import PlatformBacktest, PlatformWindows
from stream_app.backtesting.platform.show import (
    MODEL_HEADINGS,
    comparison_notes,
    explained,
    model_rows,
    summary_rows,
)

__all__ = [
    "MODEL_HEADINGS",
    "Comparison",
    "ModelRow",
    "PlatformBacktest",
    "PlatformReport",
    "PlatformWindows",
    "compare_models",
    "comparison_notes",
    "explained",
    "model_rows",
    "register_classifiers",
    "summary_rows",
]
