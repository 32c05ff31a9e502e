"""Records of an input topic that Streamgauge wrote itself: a dead letter of one might be read there next."""

import math
import time
from collections.abc import Mapping, Sequence

import structlog

from stream_app.events import Header, Reason, output_topic
from stream_app.runtime.metrics import Metrics

__all__ = ["OwnOutputs"]

_log = structlog.get_logger(__name__)

_REMIND_SECONDS = 60.0
"""Between two warnings."""


class OwnOutputs:
    """Finds and counts our own outputs, and warns of them.

    Parameters
    ----------
    stream, topic : str
        Stream, and the topic that it reads.
    metrics : Metrics
        Counts them.
    """

    def __init__(self, stream: str, topic: str, metrics: Metrics) -> None:
        self._stream, self._topic = stream, topic
        self._metrics = metrics
        self._warned_at = -math.inf

    def among(self, headers: Mapping[int, Sequence[Header]]) -> set[int]:
        """Return the offsets of our own outputs.

        Parameters
        ----------
        headers : mapping of int to headers
            Headers of records by offset.
        """
        own = {offset: some for offset, some in headers.items() if output_topic(some) is not None}
        if own:
            self._metrics.refused.labels(self._stream, Reason.OUTPUT.value).inc(len(own))
            now = time.monotonic()
            if now - self._warned_at > _REMIND_SECONDS:
                self._warned_at = now
                offset, written = next(iter(own.items()))
                _log.warning(
                    "refused what Streamgauge wrote itself; let this stream read another topic, or end what copies "
                    "outputs into it",
                    stream=self._stream,
                    topic=self._topic,
                    offset=offset,
                    written_to=output_topic(written),
                )
        return set(own)
