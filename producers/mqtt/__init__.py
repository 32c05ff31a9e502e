"""MQTT to Kafka: a message is acknowledged to its broker only after Kafka has it."""

from producers.mqtt.bridge import Bridge, BridgeSummary, bridge
from producers.mqtt.records import LEVEL_HEADER, TOPIC_HEADER

__all__ = ["LEVEL_HEADER", "TOPIC_HEADER", "Bridge", "BridgeSummary", "bridge"]
