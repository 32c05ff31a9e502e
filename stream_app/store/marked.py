"""A pipeline of effects that leaves its number behind, as its last command."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.exceptions import NoScriptError

from stream_app.store.connection import Store
from stream_app.store.fence import Fence, refuse
from stream_app.store.scripts import script

__all__ = ["MarkedPipeline", "marked"]


class MarkedPipeline:
    """Scripts that go to Redis in one round trip, for the owner of a partition or for nobody in particular.

    Parameters
    ----------
    store : Store
        Where.
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
        """Last keys of each script that tells something: outbox and position of the partition, if there is one."""
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
        mark = self._store.client.register_script(script("fence", "mark"))
        key = self._store.keys.offsets(*claim.parts)
        await mark(keys=[key], args=[*self.owner, number], client=self.client)
        answers = await self._send()
        for verdict, found in answers:
            if verdict < 0:
                refuse(claim, verdict, found, place=self._store.place)
        fence.writes = number
        return [int(verdict) for verdict, _ in answers[:-1]]

    async def _send(self) -> list[Any]:
        pipe, loaded = self.client, self._store.loaded
        scripts, commands = set(pipe.scripts), list(pipe.command_stack)
        hashes = {script.sha for script in scripts}
        if hashes <= loaded:
            # redis-py would ask each time whether the server has them: a round trip more.
            pipe.scripts.clear()
        try:
            answers: list[Any] = await pipe.execute()
        except NoScriptError:
            # Another server, or the same after a restart. Doing again what was done is safe.
            loaded.clear()
            pipe.scripts, pipe.command_stack = scripts, commands
            answers = await pipe.execute()
        loaded |= hashes
        return answers


@asynccontextmanager
async def marked(store: Store, fence: Fence | None) -> AsyncIterator[MarkedPipeline]:
    """Open a pipeline, when it is the turn of one of this fence."""
    turn = contextlib.nullcontext() if fence is None else fence.turn
    async with turn, store.client.pipeline(transaction=False) as pipe:
        yield MarkedPipeline(store, pipe, fence)
