"""Performance of a model: labels joined to predictions, and figures from them."""

from stream_app.core.performance.class_mix import ClassMixDrift
from stream_app.core.performance.credible import BetaBinomial
from stream_app.core.performance.estimate import AccuracyEstimator, ClassMix, Estimate
from stream_app.core.performance.join import JoinCounts, JoinVerdict, LabelJoin
from stream_app.core.performance.labels import Labels
from stream_app.core.performance.newest import NewestRows
from stream_app.core.performance.rates import Crossing, RateDetector
from stream_app.core.performance.residuals import ErrorScale, ErrorScores, error_scores
from stream_app.core.performance.scores import ClassScores, calibration_error, class_scores, log_loss

__all__ = [
    "AccuracyEstimator",
    "BetaBinomial",
    "ClassMix",
    "ClassMixDrift",
    "ClassScores",
    "Crossing",
    "ErrorScale",
    "ErrorScores",
    "Estimate",
    "JoinCounts",
    "JoinVerdict",
    "LabelJoin",
    "Labels",
    "NewestRows",
    "RateDetector",
    "calibration_error",
    "class_scores",
    "error_scores",
    "log_loss",
]
