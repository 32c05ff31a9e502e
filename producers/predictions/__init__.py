"""Predictions out of files: what models answered, with the truth beside it or so much later."""

from producers.predictions.batch import PredictionEvents
from producers.predictions.columns import PredictionColumns
from producers.predictions.delay import LabelDelay
from producers.predictions.files import PredictionFiles

__all__ = ["LabelDelay", "PredictionColumns", "PredictionEvents", "PredictionFiles"]
