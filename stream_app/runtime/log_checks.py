"""Whether a partition's log is the one that its stored position counts in, and still has what comes next."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

import structlog
from faust.types import TP

from stream_app.errors import StateError
from stream_app.kafka.offsets import LogRange
from stream_app.runtime.metrics import Metrics
from stream_app.store import CheckpointStore, Claim

__all__ = ["Logs", "check_log", "continue_in", "is_other_life", "made_anew"]

_log = structlog.get_logger(__name__)


class Logs(Protocol):
    """Kafka, as it is asked about the logs of partitions."""

    async def ranges(self, partitions: Collection[TP], /) -> Mapping[TP, LogRange]:
        """Return for each the first offset that is kept, the one after the last, and the id of the topic."""

    async def lives(self, topics: Collection[str], /) -> Mapping[str, str]:
        """Return the ids of topics, where they are known."""


def is_other_life(claim: Claim, life: str) -> bool:
    """Whether a topic is not the one that a claim's position counts in; where an id is not known it is not told."""
    return bool(claim.life and life and claim.life != life)


async def continue_in(log: LogRange, claim: Claim, checkpoints: CheckpointStore, metrics: Metrics) -> Claim:
    """Return a claim as it goes on in the log that is there now.

    In a topic that was made anew it goes on at the log's beginning, with what is known of the sources. A broker that knows no
    ids shows that only by a log that is too short; there the new life gets a name of ours.

    Raises
    ------
    FencedError
        Another worker owns the partition.
    StateError
        Events that were not processed are gone.
    StoreError
        If Redis cannot be reached or refuses.
    """
    stored = claim.next_offset
    if stored is None:
        return replace(claim, life=log.life or claim.life)
    too_short = log.end < stored and (not claim.life or claim.life != log.life)
    if not too_short and not is_other_life(claim, log.life):
        check_log(log, claim, stored)
        return replace(claim, life=log.life or claim.life)
    life = log.life or secrets.token_urlsafe(16)
    anew = await checkpoints.begin_life(claim, life, log.begin)
    metrics.made_anew.labels(claim.topic).inc()
    _log.warning(
        "the topic was made anew; reading it from its beginning, with what is known of the sources",
        topic=claim.topic,
        partition=claim.partition,
        id_before=claim.life or "unknown",
        id_now=life,
        position_before=stored,
        first_offset=log.begin,
    )
    return anew


def made_anew(claim: Claim) -> StateError:
    """Return the error of a topic that was made anew while it was read."""
    return StateError(
        f"{claim.where}: the topic was made anew while it was read. Start the worker again, and it goes on from the "
        "beginning of the new one"
    )


def check_log(log: LogRange, claim: Claim, position: int) -> None:
    """See that a log has all from a position on.

    Raises
    ------
    StateError
        If it is another log, or events are gone.
    """
    if is_other_life(claim, log.life):
        raise made_anew(claim)
    if log.begin > position:
        raise StateError(
            f"{claim.where}: the log begins at {log.begin}, after the stored position {position}: "
            f"{log.begin - position} events are gone unprocessed. "
            "Lengthen the topic's retention; to go on without them, use another worker.group"
        )
    if log.end < position:
        if not log.life:
            raise made_anew(claim)
        raise StateError(
            f"{claim.where}: the log ends at {log.end}, before the stored position {position}, and it is the same topic: "
            "Kafka lost its last records. To begin afresh, use another prefix, and name the topic of the stream"
        )
