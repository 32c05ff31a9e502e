"""Events that compaction removed from the log before they were read: counted, and told once a minute at most."""

import math
from collections import Counter
from collections.abc import Callable, Collection
from time import monotonic

import structlog

from stream_app.kafka.cleanup import compacted_topics
from stream_app.runtime.metrics import Metrics
from stream_app.settings import KafkaSettings

__all__ = ["MissingEvents"]

_log = structlog.get_logger(__name__)

_REMIND_SECONDS = 60.0


class MissingEvents:
    """Tells which topics are compacted, and how many events are missing in them.

    Parameters
    ----------
    topics : collection of str
        Topics that are read.
    metrics : Metrics
        Counts what is missing.
    clock : callable
        Tells seconds, monotonic.
    """

    def __init__(
        self, topics: Collection[str], metrics: Metrics, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._topics = topics
        self._counters = {topic: metrics.missing.labels(topic) for topic in topics}
        self._clock = clock
        self._untold: Counter[str] = Counter()
        self._told_at: dict[str, float] = {}

    async def check_policies(self, settings: KafkaSettings) -> None:
        """Tell the topics that Kafka compacts.

        Raises
        ------
        BrokerError
            If Kafka cannot be reached.
        """
        for topic in await compacted_topics(settings, self._topics):
            _log.warning(
                "Kafka compacts this topic: of the events of a key it keeps only the last; set cleanup.policy=delete",
                topic=topic,
            )

    def note(self, topic: str, count: int) -> None:
        """Take how many events a topic lacks, beside those that are known to be missing."""
        self._counters[topic].inc(count)
        self._untold[topic] += count
        now = self._clock()
        if now - self._told_at.get(topic, -math.inf) < _REMIND_SECONDS:
            return
        self._told_at[topic] = now
        _log.warning(
            "events are gone unprocessed: they are missing in the log, as compaction leaves it. Set cleanup.policy=delete; "
            "streamgauge_missing_events_total counts them",
            topic=topic,
            missing=self._untold.pop(topic),
        )
