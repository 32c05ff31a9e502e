"""Sources that move to a partition that was added: their states stay in the partition where they were, and they start cold."""

from collections.abc import Sequence

import structlog

from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partition import Partition
from stream_app.store import CheckpointStore

__all__ = ["MovedSources"]

_log = structlog.get_logger(__name__)


class MovedSources:
    """Tells and counts sources of an added partition that another one knows.

    Parameters
    ----------
    checkpoints : CheckpointStore
        Where it is stored which partition has seen which sources.
    metrics : Metrics
        Counts them among the forgotten ones.
    """

    def __init__(self, checkpoints: CheckpointStore, metrics: Metrics) -> None:
        self._checkpoints = checkpoints
        self._metrics = metrics
        self._told: set[str] = set()

    async def note(self, partition: Partition, sources: Sequence[str]) -> None:
        """Look at the sources of a delivery, before it is taken.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        claim = partition.fence.claim
        # One that was added has nothing stored yet, and a higher number than those that were there.
        if claim.next_offset is not None or claim.partition == 0:
            return
        new = [source for source in dict.fromkeys(sources) if source not in partition.recency]
        moved = await self._checkpoints.seen_before(claim, new)
        if not moved:
            return
        self._metrics.forgotten.labels("moved").inc(len(moved))
        if claim.owner not in self._told:
            self._told.add(claim.owner)
            _log.warning(
                "sources that move to an added partition start cold; streamgauge_forgotten_sources_total counts them",
                topic=claim.topic,
                partition=claim.partition,
                first=moved[0],
                sources=len(moved),
            )
