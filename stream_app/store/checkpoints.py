"""Checkpoints: the state of a partition's sources and the next offset, stored together or not at all.

Redis is the truth about how far a partition has been processed. A worker that takes a partition over raises
its epoch, and from then on every write of an earlier owner is refused, also of one that was paused and
does not know yet (see `fence`). A checkpoint is written only on top of the position that its writer started from.
"""

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from stream_app.errors import StateError
from stream_app.events import MAX_INSTANT
from stream_app.store.connection import Store
from stream_app.store.fence import OTHER_BASE, OTHER_OWNER, WENT_BACK, Claim, Fence, refuse

__all__ = ["Checkpoint", "CheckpointStore", "LastSeen"]

_SLICE_BYTES = 1_000_000
"""State is sent in slices of this size: Redis takes one in a millisecond, and alerts do not wait behind more than that."""

_WAIT = "features-wait"
_DIGITS = re.compile(rb"\d{1,18}")


class LastSeen(NamedTuple):
    """When a source was seen last.

    Parameters
    ----------
    offset : int
        Of its last event; negative if that came before the topic was made anew.
    clock : float
        The log's own time then, in epoch seconds.
    size : int
        Bytes that it counts for in the store.
    features_wait : bool
        Whether its features were not written yet when this was stored: whoever has the partition next does it.
    """

    offset: int
    clock: float
    size: int = 0
    features_wait: bool = False

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read what `str` gives.

        Examples
        --------
        >>> LastSeen.parse(str(LastSeen(7, 1.5, 2000, True)).encode())
        LastSeen(offset=7, clock=1.5, size=2000, features_wait=True)
        """
        offset, clock, size, *rest = text.split()
        if rest not in ([], [_WAIT.encode()]):
            raise ValueError(f"{rest} after the size")
        if not _DIGITS.fullmatch(size):
            raise ValueError(f"{size!r} is no size")
        if not abs(float(clock)) < MAX_INSTANT:
            raise ValueError(f"{float(clock):g} is no time")
        return cls(int(offset), float(clock), int(size), bool(rest))

    def __str__(self) -> str:
        """Return what is stored."""
        return f"{self.offset} {self.clock!r} {self.size}" + f" {_WAIT}" * self.features_wait


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is to be stored of one partition.

    Parameters
    ----------
    claim : Claim
        The right to write; its epoch and owner are checked.
    base : int or None
        Position on top of which this is written.
    next_offset : int
        First offset that is not in it.
    states : dict of str to bytes
        Packed state of each source that changed since `base`.
    seen : dict of str to LastSeen
        When those sources were seen last.
    gone : sequence of str
        Sources whose state is removed.
    writes : int
        Pipelines of effects that were written before.
    clock : float
        The log's own time at that position, in epoch seconds; minus infinity where it had none yet.
    """

    claim: Claim
    base: int | None
    next_offset: int
    states: Mapping[str, bytes]
    seen: Mapping[str, LastSeen] = field(default_factory=dict)
    gone: Sequence[str] = ()
    writes: int = 0
    clock: float = -math.inf


class CheckpointStore:
    """Reads and writes checkpoints of one consumer group.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    group : str
        The consumer group.
    """

    def __init__(self, store: Store, group: str) -> None:
        self._store = store
        self._group = group
        self._claim = store.function("claim")
        self._stage = store.function("stage")
        self._write = store.function("checkpoint")
        self._begin_life = store.function("begin_life")

    async def claim(self, topic: str, partition: int, *, generation: int | None = None) -> Claim:
        """Take a partition over from whoever had it.

        Parameters
        ----------
        topic, partition
            Topic, and number of the partition.
        generation : int, optional
            Generation of the consumer group, kept beside the claim for whoever has to find out what happened.

        Raises
        ------
        StateError
            If the stored position is no offset; it names the key.
        StoreError
            If Redis cannot be reached.
        """
        key = self._store.keys.offsets(self._group, topic, partition)
        owner = secrets.token_hex(16)
        async with self._store.errors(f"claiming {topic}/{partition}"):
            epoch, stored, life, clock, calibration = await self._claim(
                keys=[key], args=[owner, "" if generation is None else generation]
            )
        return Claim(
            self._group,
            topic,
            partition,
            int(epoch),
            owner,
            _number(stored, key, "next"),
            (life or b"").decode(errors="replace"),
            self._store.keys.owner,
            _clock(clock, key),
            (calibration or b"").decode(errors="replace"),
        )

    async def begin_life(self, claim: Claim, life: str, first: int) -> Claim:
        """Go on in a topic that was made anew, with the states that are stored; doing it twice is the same as once.

        Parameters
        ----------
        claim : Claim
            Of a partition of the topic before it.
        life : str
            Id of the topic now.
        first : int
            Where its log begins.

        Returns
        -------
        Claim
            The same claim, of the new log.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        StoreError
            Redis cannot be reached or refuses the write.
        """
        keys = self._store.keys
        async with self._store.errors(f"beginning {claim.where} anew"):
            verdict, found = await self._begin_life(
                keys=[keys.offsets(*claim.parts), keys.seen(*claim.parts)],
                args=[*claim.arguments(), life, first],
            )
        if verdict < 0:
            refuse(claim, verdict, found, place=self._store.place)
        return replace(claim, next_offset=first, life=life)

    async def check(self, fences: Sequence[Fence]) -> None:
        """See in one round trip that claims still stand, and that what was written is there.

        Raises
        ------
        FencedError
            Another worker owns one of the partitions.
        StateError
            The store lost writes that it had taken.
        StoreError
            Redis cannot be reached.
        """
        # Before the question: what is written meanwhile may be in the answer or not.
        believed = [(fence.claim, fence.position, fence.writes) for fence in fences]
        async with (
            self._store.errors("looking after the claims"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for claim, _, _ in believed:
                key = self._store.keys.offsets(self._group, claim.topic, claim.partition)
                pipe.hmget(key, "epoch", "owner", "next", "writes")
            pipe.ping()  # also where nothing is claimed, this shows whether Redis answers
            *answers, _ = await pipe.execute()
        for (claim, position, writes), (raw_epoch, owner, raw_next, raw_writes) in zip(
            believed, answers, strict=True
        ):
            key = self._store.keys.offsets(self._group, claim.topic, claim.partition)
            epoch = _number(raw_epoch, key, "epoch") or 0
            if (epoch, owner or b"") != (claim.epoch, claim.owner.encode()):
                verdict = OTHER_OWNER if epoch >= claim.epoch else WENT_BACK
                refuse(claim, verdict, epoch, place=self._store.place)
            stored = _number(raw_next, key, "next")
            if position is not None and (stored is None or stored < position):
                raise self._went_back(claim, f"position {position}", stored)
            written = _number(raw_writes, key, "writes") or 0
            if written < writes:
                raise self._went_back(claim, f"{writes} writes of alerts and features", written)

    def _went_back(self, claim: Claim, believed: str, found: int | None) -> StateError:
        return StateError(
            f"Redis at {self._store.place} went back: {claim.where} had {believed}, and it has "
            f"{'none' if found is None or found < 0 else found} now; the last writes are lost. "
            "Start the worker again, and it goes on from what is left"
        )

    async def seen(self, claim: Claim) -> dict[str, LastSeen]:
        """Read which sources a partition has and when each was seen last, the longest ago first.

        Raises
        ------
        StateError
            If what is stored is damaged; it names the key.
        """
        key = self._store.keys.seen(self._group, claim.topic, claim.partition)
        found: dict[str, LastSeen] = {}
        async with self._store.errors(f"reading the sources of {claim.where}"):
            async for source, value in self._store.client.hscan_iter(key, count=1000):
                try:
                    found[source.decode()] = LastSeen.parse(value)
                except ValueError as error:
                    raise StateError(f"{key}: the entry of {source!r} is damaged: {error}") from error
        return dict(sorted(found.items(), key=lambda entry: entry[1].offset))

    async def seen_before(self, claim: Claim, sources: Sequence[str]) -> list[str]:
        """Return which of some sources partitions of lower numbers of the same topic have seen."""
        if not sources:
            return []
        keys = [self._store.keys.seen(self._group, claim.topic, number) for number in range(claim.partition)]
        async with (
            self._store.errors(f"looking for sources of {claim.where}"),
            self._store.client.pipeline(transaction=False) as pipe,
        ):
            for key in keys:
                pipe.hmget(key, list(sources))
            found = await pipe.execute()
        return [source for source, *values in zip(sources, *found, strict=True) if any(values)]

    async def states(self, claim: Claim, sources: Sequence[str]) -> dict[str, bytes]:
        """Read the stored states of some sources; those without one are left out."""
        if not sources:
            return {}
        key = self._store.keys.state(self._group, claim.topic, claim.partition)
        async with self._store.errors(f"reading the state of {claim.where}"):
            found = await self._store.client.hmget(key, list(sources))
        return {source: blob for source, blob in zip(sources, found, strict=True) if blob is not None}

    def name(self, claim: Claim, source: str) -> str:
        """Name of a stored state, for messages and signatures: its key and its field."""
        return f"{self._store.keys.state(self._group, claim.topic, claim.partition)}[{source}]"

    async def write(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint; storing it twice is the same as once.

        One whose reply did not come may have been stored or not: store the same again before another.

        Parameters
        ----------
        checkpoint : Checkpoint
            What to store.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The stored position is not the one this checkpoint builds on, or effects before it are lost.
        StoreError
            Redis cannot be reached or refuses the write.
        """
        claim = checkpoint.claim
        async with self._store.errors(f"storing the checkpoint of {claim.where}"):
            verdict, found = await self._send(checkpoint)
        if verdict >= 0:
            return
        if verdict != OTHER_BASE:
            refuse(claim, verdict, found, place=self._store.place)
        if checkpoint.base is not None and found < checkpoint.base:
            raise self._went_back(claim, f"position {checkpoint.base}", found)
        raise StateError(
            f"{claim.where}: the stored position is {found}, not {checkpoint.base} on which this checkpoint builds; "
            "has something else written to this group's keys?"
        )

    async def _send(self, checkpoint: Checkpoint) -> tuple[int, int]:
        claim, keys = checkpoint.claim, self._store.keys
        group, topic, partition = self._group, claim.topic, claim.partition
        position, staged = keys.offsets(group, topic, partition), keys.staged(group, topic, partition)
        *early, last = _slices(checkpoint)
        for number, entries in enumerate(early):
            verdict, found = await self._stage(
                keys=[position, staged], args=[*claim.arguments(), number, *entries]
            )
            if verdict < 0:
                return int(verdict), int(found)
        arguments: list[str | bytes | int] = [
            *claim.arguments(checkpoint.writes),
            claim.life,
            "" if checkpoint.base is None else checkpoint.base,
            checkpoint.next_offset,
            len(early),
            len(checkpoint.gone),
            "" if math.isinf(checkpoint.clock) else repr(checkpoint.clock),
            *checkpoint.gone,
            *last,
        ]
        verdict, found = await self._write(
            keys=[position, keys.state(group, topic, partition), keys.seen(group, topic, partition), staged],
            args=arguments,
        )
        return int(verdict), int(found)


def _number(raw: bytes | None, key: str, field: str) -> int | None:
    """Read a stored number, or None where there is none; what is something else is a `StateError`."""
    if raw is not None and not _DIGITS.fullmatch(raw):
        raise StateError(
            f"{key}: the field {field} is {raw[:40]!r}, not a number; has something else written to it?"
        )
    return None if raw is None else int(raw)


def _clock(raw: bytes | None, key: str) -> float:
    """Read the stored time of a log, minus infinity where it had none; what is something else is a `StateError`."""
    if not raw:
        return -math.inf
    try:
        clock = float(raw)
    except ValueError:
        clock = math.nan
    if not abs(clock) < MAX_INSTANT:
        raise StateError(
            f"{key}: the field clock is {raw[:40]!r}, not a time; has something else written to it?"
        )
    return clock


def _slices(checkpoint: Checkpoint) -> list[list[str | bytes]]:
    """Source, when it was seen, its state, and so on; at least one slice."""
    slices: list[list[str | bytes]] = [[]]
    size = 0
    for source, blob in checkpoint.states.items():
        if size + len(blob) > _SLICE_BYTES and slices[-1]:
            slices.append([])
            size = 0
        seen = checkpoint.seen.get(source, LastSeen(checkpoint.next_offset - 1, 0.0))
        slices[-1] += (source, str(seen), blob)
        size += len(blob)
    return slices
