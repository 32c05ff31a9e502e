"""For programs that use what Streamgauge writes."""

from stream_app.client.features import AsyncFeatureClient, FeatureClient
from stream_app.client.subscriber import AlertSubscriber

__all__ = ["AlertSubscriber", "AsyncFeatureClient", "FeatureClient"]
