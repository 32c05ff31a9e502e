"""Reaching Kafka: options of every client, patience with a broker that is starting, topics that must be there."""

from stream_app.kafka.clients import ATTEMPTS, reach
from stream_app.kafka.groups import check_group
from stream_app.kafka.options import client_options
from stream_app.kafka.refusal import refusal
from stream_app.kafka.topics import ensure_topics

__all__ = ["ATTEMPTS", "check_group", "client_options", "ensure_topics", "reach", "refusal"]
