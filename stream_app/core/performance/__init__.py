"""How well a model does: labels joined to predictions, and what follows from them."""

from stream_app.core.performance.credible import BetaBinomial
from stream_app.core.performance.estimate import AccuracyEstimator, ClassMix, Estimate
from stream_app.core.performance.join import JoinCounts, JoinVerdict, LabelJoin
from stream_app.core.performance.latency import LatencyWindow
from stream_app.core.performance.rates import Crossing, RateDetector
from stream_app.core.performance.scores import ClassScores, calibration_error, class_scores, log_loss

__all__ = [
    "AccuracyEstimator",
    "BetaBinomial",
    "ClassMix",
    "ClassScores",
    "Crossing",
    "Estimate",
    "JoinCounts",
    "JoinVerdict",
    "LabelJoin",
    "LatencyWindow",
    "RateDetector",
    "calibration_error",
    "class_scores",
    "log_loss",
]
