"""Planning of a deployment: what a load takes of workers, Redis and Kafka, from slopes that a benchmark measured."""

from stream_app.planning.load import StreamLoad, parse_load
from stream_app.planning.measured import Slopes, measured_slopes
from stream_app.planning.plan import Plan, StreamPlan, plan_deployment

__all__ = [
    "Plan",
    "Slopes",
    "StreamLoad",
    "StreamPlan",
    "measured_slopes",
    "parse_load",
    "plan_deployment",
]
