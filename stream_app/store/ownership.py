"""Who owns the keys of a deployment: the Kafka cluster and the streams that its workers read.

Positions, states and alerts only make sense for the logs that they were made from. So the first worker notes what it reads
beside them, and one that reads something else under the same name is refused before it writes.
"""

from collections.abc import Mapping

from stream_app.errors import StoreError
from stream_app.store.connection import Store

__all__ = ["Ownership"]


class Ownership:
    """The note about what a deployment reads.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._own = store.function("own")

    async def take(self, reads: Mapping[str, str]) -> None:
        """Note what a worker reads; what was noted before and is not named stays.

        Parameters
        ----------
        reads : mapping of str to str
            Such as ``{"kafka": "MkU3OEVB", "stream.pumps": "sensors from sensor.readings"}``.

        Raises
        ------
        StoreError
            If something else is noted, or Redis cannot be reached or refuses.
        """
        key = self._store.keys.deployment
        async with self._store.errors("noting what this deployment reads"):
            differs = await self._own(keys=[key], args=[part for pair in reads.items() for part in pair])
        if differs:
            raise self._taken(differs[0], differs[1], reads)

    async def check(self, reads: Mapping[str, str]) -> None:
        """See that `take` would not be refused, without noting anything.

        Raises
        ------
        StoreError
            As for `take`.
        """
        async with self._store.errors("looking up what this deployment reads"):
            noted = await self._store.client.hgetall(self._store.keys.deployment)
        for field, value in reads.items():
            found = noted.get(field.encode(), value.encode())
            if found != value.encode():
                raise self._taken(field.encode(), found, reads)

    async def streams(self) -> list[tuple[str, str, str]]:
        """Return the streams that workers of this deployment read: name, kind and topic of each.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("looking up what this deployment reads"):
            noted = await self._store.client.hgetall(self._store.keys.deployment)
        found: list[tuple[str, str, str]] = []
        for field, value in noted.items():
            what, _, name = field.decode(errors="replace").partition(".")
            kind, _, topic = value.decode(errors="replace").partition(" from ")
            if what == "stream":
                found.append((name, kind, topic))
        return sorted(found)

    def _taken(self, field: bytes, noted: bytes, reads: Mapping[str, str]) -> StoreError:
        name, there = field.decode(), noted.decode(errors="replace")[:300]
        key = self._store.keys.deployment
        return StoreError(
            f"Redis at {self._store.place} has another deployment under this prefix ({key}): its {name} is {there!r}, "
            f"ours {reads[name]!r}. Choose another prefix; if this deployment has moved for good, `redis-cli HDEL {key} "
            f"{name}` lets it go on with what is there"
        )
