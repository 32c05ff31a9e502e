"""What only one process may do at a time: it holds a lease in Redis, which ends by itself when the process does."""

from stream_app.store.connection import Store

__all__ = ["Lease"]


class Lease:
    """A lease, held by one process or none.

    Parameters
    ----------
    store : Store
    key : str
        Its key; see `Keys`.
    who : str
        This process, told apart from all others.
    what : str
        What it is about, for messages: ``taking a route``.
    """

    def __init__(self, store: Store, key: str, who: str, what: str) -> None:
        self._store, self._key, self._who, self._what = store, key, who, what
        self._lease = store.function("lease")

    async def take(self, seconds: float) -> bool:
        """Take it, or keep it; returns whether it is this process's now.

        Parameters
        ----------
        seconds : float
            When it ends unless it is kept.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors(self._what):
            taken = await self._lease(keys=[self._key], args=[self._who, int(seconds * 1000)])
        return bool(taken == 1)

    async def release(self) -> None:
        """Leave it to others at once."""
        if await self.take(1.0):
            async with self._store.errors(self._what):
                await self._store.client.delete(self._key)
