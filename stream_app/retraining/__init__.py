"""Training a model again: from labelled events to a version that is better, or is not."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.retraining.events import LabelledEvents, PredictionTopic, gather
    from stream_app.retraining.job import Job, find_job
    from stream_app.retraining.on_trigger import Triggers, act_on_triggers
    from stream_app.retraining.run import Outcome, World, retrain

__all__ = [
    "Job",
    "LabelledEvents",
    "Outcome",
    "PredictionTopic",
    "Triggers",
    "World",
    "act_on_triggers",
    "find_job",
    "gather",
    "retrain",
]

_MODULES = {
    "Job": "retraining.job",
    "LabelledEvents": "retraining.events",
    "Outcome": "retraining.run",
    "PredictionTopic": "retraining.events",
    "Triggers": "retraining.on_trigger",
    "World": "retraining.run",
    "act_on_triggers": "retraining.on_trigger",
    "find_job": "retraining.job",
    "gather": "retraining.events",
    "retrain": "retraining.run",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
