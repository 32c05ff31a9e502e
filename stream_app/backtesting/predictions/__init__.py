"""Backtests of streams of predictions: a model's answers and their truth in, what a worker would tell out."""

from stream_app.backtesting.predictions.judge import JudgedPredictions, judge_predictions
from stream_app.backtesting.predictions.model import Challenge, ModelFigures
from stream_app.backtesting.predictions.report import PredictionReport
from stream_app.backtesting.predictions.run import PredictionBacktest
from stream_app.backtesting.predictions.show import (
    challenge_rows,
    model_headings,
    model_rows,
    summary_rows,
    trigger_rows,
)

__all__ = [
    "Challenge",
    "JudgedPredictions",
    "ModelFigures",
    "PredictionBacktest",
    "PredictionReport",
    "challenge_rows",
    "judge_predictions",
    "model_headings",
    "model_rows",
    "summary_rows",
    "trigger_rows",
]
