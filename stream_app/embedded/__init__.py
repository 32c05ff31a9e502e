"""A Kafka-protocol broker and a Redis-protocol store from wheels, for the demo and the quick tests."""

from stream_app.embedded.broker import EmbeddedBroker
from stream_app.embedded.server import Server, free_port
from stream_app.embedded.store import EmbeddedStore

__all__ = ["EmbeddedBroker", "EmbeddedStore", "Server", "free_port"]
