"""For programs that use what Streamgauge writes."""

from stream_app.client.subscriber import AlertSubscriber

__all__ = ["AlertSubscriber"]
