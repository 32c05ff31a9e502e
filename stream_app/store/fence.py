"""Fencing: of all workers that ever owned a partition only the last one can write for it.

A claim stores a new epoch and a random token of the owner, and every write compares both. The token is there for
the store that loses its last writes in a crash (an append-only file that is synced every second, a failover): the epoch goes back
with them, and the next claim would give the same one to somebody else.

What was lost must not be passed over, either. An owner counts its pipelines of effects, each leaves its number
beside the epoch as its last command, and both the next pipeline and a checkpoint are only taken on top of the number that
is expected.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from redis.exceptions import ResponseError

from stream_app.errors import FencedError, StateError
from stream_app.events import LogId
from stream_app.store.connection import Store
from stream_app.store.functions import is_missing, load

__all__ = ["Claim", "Fence", "FencedPipeline", "fenced_pipeline", "refuse"]

OTHER_OWNER, OTHER_BASE, WENT_BACK, LOST_EFFECTS = -1, -2, -3, -4
"""Verdicts of the scripts; what is not negative is no refusal."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one partition.

    Parameters
    ----------
    group, topic, partition
        Consumer group, topic, and number of the partition.
    epoch : int
        Larger than that of every earlier owner.
    owner : str
        A random token, which no other claim has.
    next_offset : int or None
        The first offset that has not been processed; None if none ever was.
    life : str
        Id of the topic whose offsets these are, see `LogId`; empty where it has none.
    deployment : str
        Name of the deployment that reads it; empty for the one without a name.
    clock : float
        The log's own time at that offset, in epoch seconds; minus infinity where it had none yet.
    calibration : str
        Name of the calibration by which its events are judged from there on; empty where that was never said.
    """

    group: str
    topic: str
    partition: int
    epoch: int
    owner: str
    next_offset: int | None
    life: str = ""
    deployment: str = ""
    clock: float = -math.inf
    calibration: str = ""

    @property
    def log(self) -> LogId:
        """The log that its offsets count in."""
        return LogId(self.partition, self.life, self.deployment)

    @property
    def where(self) -> str:
        """The partition, for messages."""
        return f"{self.topic}/{self.partition}"

    @property
    def parts(self) -> tuple[str, str, int]:
        """Group, topic and partition, as the names of the partition's keys take them."""
        return self.group, self.topic, self.partition

    def arguments(self, writes: int = 0) -> tuple[str, str]:
        """First arguments of each script: epoch with the pipelines of effects that must be there, and owner."""
        return f"{self.epoch}:{writes}", self.owner


@dataclass(slots=True)
class Fence:
    """A claim, and what the store holds under it as far as we know.

    Parameters
    ----------
    claim : Claim
        The right to write.
    position : int or None
        The stored position.
    writes : int
        Pipelines of effects that were written under the claim.
    history : int
        Calls that wrote history under the claim, those that failed among them.
    turn : asyncio.Lock
        Held while a pipeline of effects is under way: their numbers say their order.
    """

    claim: Claim
    position: int | None
    writes: int = 0
    history: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False, repr=False)


def refuse(claim: Claim, verdict: int, found: Any, *, place: str) -> NoReturn:
    """Say why a script refused a write.

    Raises
    ------
    FencedError
        Another worker owns the partition.
    StateError
        The store lost its last writes.
    """
    if verdict == OTHER_OWNER:
        raise FencedError(
            f"{claim.where} is owned by another worker (epoch {found}, ours {claim.epoch}); not stored"
        )
    if verdict == LOST_EFFECTS:
        raise StateError(
            f"Redis at {place} went back: of the alerts and features that were written for {claim.where} it has "
            f"{found} pipelines, and there were more; the last writes are lost. Start the worker again, and it goes on "
            "from what is left"
        )
    raise StateError(
        f"Redis at {place} went back: {claim.where} was claimed with epoch {claim.epoch}, and {found or 'nothing'} "
        "is stored; its last writes are lost. Start the worker again, and it goes on from what is left"
    )


class FencedPipeline:
    """Scripts that go to Redis in one round trip, for the owner of a partition or for nobody in particular.

    The last command of the owner's leaves the number of the pipeline behind.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    client : redis.asyncio.client.Pipeline
        What the scripts are given as their client.
    fence : Fence or None
        The partition, if there is one.
    """

    def __init__(self, store: Store, client: Any, fence: Fence | None) -> None:
        self.client = client
        self._store = store
        self._fence = fence

    @property
    def owner(self) -> tuple[str, str]:
        """First arguments of each script; see `Claim.arguments`."""
        fence = self._fence
        return ("", "") if fence is None else fence.claim.arguments(fence.writes)

    @property
    def outbox_keys(self) -> list[str]:
        """Last keys of each script that records something: outbox and position of the partition, if there is one."""
        if self._fence is None:
            return []
        keys, parts = self._store.keys, self._fence.claim.parts
        return [keys.outbox(*parts), keys.offsets(*parts)]

    async def execute(self) -> list[int]:
        """Send everything, and return the verdict of each script.

        A store that loses its last writes loses the mark before it loses what was written ahead of it, so the next
        checkpoint notices.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StateError
            The store lost its last writes.
        """
        fence = self._fence
        if fence is None:
            return [int(verdict) for verdict, _ in await self._send()]
        claim, number = fence.claim, fence.writes + 1
        mark = self._store.function("mark")
        key = self._store.keys.offsets(*claim.parts)
        await mark(keys=[key], args=[*self.owner, number], client=self.client)
        answers = await self._send()
        for verdict, found in answers:
            if verdict < 0:
                refuse(claim, verdict, found, place=self._store.place)
        fence.writes = number
        return [int(verdict) for verdict, _ in answers[:-1]]

    async def _send(self) -> list[Any]:
        pipe, commands = self.client, list(self.client.command_stack)
        try:
            answers: list[Any] = await pipe.execute()
        except ResponseError as error:
            if not is_missing(error):
                raise
            # Another server, or an empty one. Doing again what was done is safe.
            await load(self._store.client, self._store.place)
            pipe.command_stack = commands
            answers = await pipe.execute()
        return answers


@asynccontextmanager
async def fenced_pipeline(store: Store, fence: Fence | None) -> AsyncIterator[FencedPipeline]:
    """Open a pipeline, when it is the turn of one of this fence."""
    turn = contextlib.nullcontext() if fence is None else fence.turn
    async with turn, store.client.pipeline(transaction=False) as pipe:
        yield FencedPipeline(store, pipe, fence)
