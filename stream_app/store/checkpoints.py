"""Checkpoints: the state of a partition's sources and the next offset, stored together or not at all.

Redis is the truth about how far a partition has been processed. A worker that takes a partition over raises
its epoch, and from then on every write of an earlier owner is refused, also of one that was paused and
does not know yet. A checkpoint is written only on top of the position that its writer started from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_app.errors import FencedError, StateError
from stream_app.store.connection import Store
from stream_app.store.scripts import script

__all__ = ["Checkpoint", "CheckpointStore", "Claim"]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one partition.

    Parameters
    ----------
    topic, partition
        Which.
    epoch : int
        Larger than that of every earlier owner.
    next_offset : int or None
        The first offset that has not been processed; None if none ever was.
    """

    topic: str
    partition: int
    epoch: int
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is to be stored of one partition.

    Parameters
    ----------
    claim : Claim
        The right to write; its epoch is checked.
    base : int or None
        Position on top of which this is written.
    next_offset : int
        First offset that is not in it.
    states : dict of str to bytes
        Packed state of each source that changed since `base`.
    """

    claim: Claim
    base: int | None
    next_offset: int
    states: Mapping[str, bytes]


class CheckpointStore:
    """Reads and writes checkpoints of one consumer group.

    Parameters
    ----------
    store : Store
        Where.
    group : str
        The consumer group.
    """

    def __init__(self, store: Store, group: str) -> None:
        self._store = store
        self._group = group
        self._claim = store.client.register_script(script("claim"))
        self._write = store.client.register_script(script("checkpoint"))

    async def claim(self, topic: str, partition: int) -> Claim:
        """Take a partition over from whoever had it.

        Raises
        ------
        StoreError
            If Redis cannot be reached.
        """
        key = self._store.keys.offsets(self._group, topic, partition)
        async with self._store.errors(f"claiming {topic}/{partition}"):
            epoch, stored = await self._claim(keys=[key])
        return Claim(topic, partition, int(epoch), None if stored is None else int(stored))

    async def states(self, claim: Claim, sources: Sequence[str]) -> dict[str, bytes]:
        """Read the stored states of some sources; those without one are left out."""
        if not sources:
            return {}
        key = self._store.keys.state(self._group, claim.topic, claim.partition)
        async with self._store.errors(f"reading the state of {claim.topic}/{claim.partition}"):
            found = await self._store.client.hmget(key, list(sources))
        return {source: blob for source, blob in zip(sources, found, strict=True) if blob is not None}

    async def write(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint; telling it twice is the same as once.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The stored position is not the one this checkpoint builds on.
        StoreError
            Redis cannot be reached or refuses the write.
        """
        claim = checkpoint.claim
        keys = self._store.keys
        where = f"{claim.topic}/{claim.partition}"
        arguments: list[str | bytes | int] = [
            claim.epoch,
            "" if checkpoint.base is None else checkpoint.base,
            checkpoint.next_offset,
        ]
        for source, blob in checkpoint.states.items():
            arguments += (source, blob)
        async with self._store.errors(f"storing the checkpoint of {where}"):
            verdict, found = await self._write(
                keys=[
                    keys.offsets(self._group, claim.topic, claim.partition),
                    keys.state(self._group, claim.topic, claim.partition),
                ],
                args=arguments,
            )
        if verdict == -1:
            raise FencedError(
                f"{where} is owned by another worker (epoch {found}, ours {claim.epoch}); not stored"
            )
        if verdict == -2:
            raise StateError(
                f"{where}: the stored position is {found}, not {checkpoint.base} on which this checkpoint builds; "
                "has something else written to this group's keys?"
            )
