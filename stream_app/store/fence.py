"""Fencing: of all workers that ever owned a partition only the last one can write for it.

A claim stores a new epoch and a random token of the owner, and every write compares both. The token is there for
the store that loses its last writes in a crash (an append-only file that is synced every second, a failover): the epoch goes back
with them, and the next claim would give the same one to somebody else.

What was lost must not be passed over, either. An owner counts its pipelines of effects, each leaves its number
beside the epoch as its last command, and both the next pipeline and a checkpoint are only taken on top of the number that
is expected.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, NoReturn

from stream_app.errors import FencedError, StateError

__all__ = ["Claim", "Fence", "refuse"]

OTHER_OWNER, OTHER_BASE, WENT_BACK, LOST_EFFECTS = -1, -2, -3, -4
"""Verdicts of the scripts; what is not negative is no refusal."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one partition.

    Parameters
    ----------
    group, topic, partition
        Which.
    epoch : int
        Larger than that of every earlier owner.
    owner : str
        A random token, which no other claim has.
    next_offset : int or None
        The first offset that has not been processed; None if none ever was.
    """

    group: str
    topic: str
    partition: int
    epoch: int
    owner: str
    next_offset: int | None

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
    turn : asyncio.Lock
        Held while a pipeline of effects is under way: their numbers say their order.
    """

    claim: Claim
    position: int | None
    writes: int = 0
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
