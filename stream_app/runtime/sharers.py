"""Tells how many sources share the budget of a stream, and when that number becomes another one by far."""

import structlog

from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partition import Partition

__all__ = ["tell_sharers"]

_log = structlog.get_logger(__name__)


def tell_sharers(partition: Partition, metrics: Metrics) -> None:
    """Set the metric of a partition, and tell where there are twice or half as many sources as when that was told last."""
    tp = partition.tp
    metrics.sharers.labels(tp.topic, tp.partition).set(partition.sharers)
    change = partition.sharers_changed()
    if change is not None:
        before, now = change
        # More sources come with every start; that half of them are gone is worth a look.
        (_log.info if now > before else _log.warning)(
            "the number of sources that share the budget has changed",
            topic=tp.topic,
            partition=tp.partition,
            before=int(before),
            now=int(now),
        )
