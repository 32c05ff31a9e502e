"""Reaching Kafka: options of every client, patience with a broker that is starting, topics that must be there."""

from stream_app.kafka.clients import ATTEMPTS, reach, start_producer
from stream_app.kafka.cluster import cluster_id
from stream_app.kafka.event_tail import CloudEvent, EventTail
from stream_app.kafka.groups import check_group, group_refusal
from stream_app.kafka.limits import most_message_bytes
from stream_app.kafka.options import client_options, consumer_options
from stream_app.kafka.reading import TopicReader, reading
from stream_app.kafka.refusal import refusal
from stream_app.kafka.topics import ensure_topics, nearest_topic

__all__ = [
    "ATTEMPTS",
    "CloudEvent",
    "EventTail",
    "TopicReader",
    "check_group",
    "client_options",
    "cluster_id",
    "consumer_options",
    "ensure_topics",
    "group_refusal",
    "most_message_bytes",
    "nearest_topic",
    "reach",
    "reading",
    "refusal",
    "start_producer",
]
