"""Redis Cluster: all keys have one hash tag, so one of its nodes has them all, and every connection goes to that one.

A script touches the position of a partition, its alerts and its features in one step, and what a failover loses it loses of all
of them together. That is only so on one node. Hence commands, pipelines and scripts are the same as on a single server;
what a cluster adds is to find the node, now and whenever the slot has moved.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["SlotOwner", "blocking_to_owner", "to_owner"]

Address = tuple[str, int]

_AWAY = (RedisConnectionError, RedisTimeoutError)


class SlotOwner:
    """Which node has the slot of a hash tag, as far as the connections of one client know.

    Parameters
    ----------
    tag : str
        What is in the braces.
    seed : (str, int)
        Host and port of any node, from which the others are learned.

    Examples
    --------
    >>> owner = SlotOwner("sg", ("10.0.0.1", 6379))
    >>> owner.learn([[0, 16383, [b"10.0.0.2", 6379, b"id"], [b"10.0.0.3", 6379, b"id"]]], asked="10.0.0.1")
    >>> owner.address, list(owner.nodes())
    (('10.0.0.2', 6379), [('10.0.0.2', 6379), ('10.0.0.3', 6379), ('10.0.0.1', 6379)])
    """

    def __init__(self, tag: str, seed: Address) -> None:
        self.slot = key_slot(tag.encode())
        self.address: Address | None = None
        self._seed = seed
        self._nodes: list[Address] = []

    def nodes(self) -> Iterator[Address]:
        """Return whom to ask for the owner: all nodes that were there last, and the first one at the end."""
        yield from [*(node for node in self._nodes if node != self._seed), self._seed]

    def learn(self, shards: Sequence[Sequence[Any]], *, asked: str) -> None:
        """Take the answer to CLUSTER SLOTS of a node, `asked`, which may leave its own host out.

        Raises
        ------
        redis.exceptions.ConnectionError
            If no node has the slot.
        """
        nodes: list[Address] = []
        for first, last, *replicas in shards:
            known = [
                ((host or asked.encode()).decode(), int(port)) for host, port, *_ in replicas if host != b"?"
            ]
            nodes += known
            if first <= self.slot <= last and known:
                self.address = known[0]
        self._nodes = list(dict.fromkeys(nodes))
        if self.address is None:
            raise RedisConnectionError(f"no node of the cluster has slot {self.slot}")

    def moved(self, error: MovedError) -> RedisConnectionError:
        """Take the new owner from the old one's answer; return what the connection to the old one ends with."""
        self.address = (error.host, error.port) if error.host else None
        return RedisConnectionError(f"slot {self.slot} of the cluster is at {error.host}:{error.port} now")


class _ToOwner:
    """Goes before a connection of redis-py for asyncio."""

    def __init__(self, *, owner: SlotOwner, **options: Any) -> None:
        super().__init__(**options)
        self._owner = owner

    async def connect_check_health(self: Any, *args: Any, **options: Any) -> None:
        """Connect to the node that has the slot; ask around first where it is not known."""
        if self.is_connected:
            return
        connect = super().connect_check_health  # type: ignore[misc]  # redis-py's
        if self._owner.address is None:
            await self._find(connect)
        self.host, self.port = self._owner.address
        try:
            await connect(*args, **options)
        except _AWAY:
            self._owner.address = None
            raise

    async def _find(self: Any, connect: Any) -> None:
        failed: Exception | None = None
        for node in self._owner.nodes():
            self.host, self.port = node
            try:
                await connect(retry_socket_connect=False)
                await self.send_command("CLUSTER", "SLOTS")
                self._owner.learn(await self.read_response(), asked=self.host)
            except _AWAY as error:
                failed = error
            else:
                return
            finally:
                await self.disconnect()
        raise failed or RedisConnectionError("no node of the cluster is known")

    async def read_response(self: Any, *args: Any, **options: Any) -> Any:
        """Read an answer; one that sends us to another node ends the connection, so that it is made anew to that one."""
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]  # redis-py's
        except MovedError as error:
            moved = self._owner.moved(error)
            await self.disconnect()
            raise moved from error


class _BlockingToOwner:
    """The same for programs that wait."""

    def __init__(self, *, owner: SlotOwner, **options: Any) -> None:
        super().__init__(**options)
        self._owner = owner

    def connect_check_health(self: Any, *args: Any, **options: Any) -> None:
        """Connect to the node that has the slot; ask around first where it is not known."""
        if self.is_connected:
            return
        connect = super().connect_check_health  # type: ignore[misc]  # redis-py's
        if self._owner.address is None:
            self._find(connect)
        self.host, self.port = self._owner.address
        try:
            connect(*args, **options)
        except _AWAY:
            self._owner.address = None
            raise

    def _find(self: Any, connect: Any) -> None:
        failed: Exception | None = None
        for node in self._owner.nodes():
            self.host, self.port = node
            try:
                connect(retry_socket_connect=False)
                self.send_command("CLUSTER", "SLOTS")
                self._owner.learn(self.read_response(), asked=self.host)
            except _AWAY as error:
                failed = error
            else:
                return
            finally:
                self.disconnect()
        raise failed or RedisConnectionError("no node of the cluster is known")

    def read_response(self: Any, *args: Any, **options: Any) -> Any:
        """Read an answer; one that sends us to another node ends the connection, so that it is made anew to that one."""
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]  # redis-py's
        except MovedError as error:
            moved = self._owner.moved(error)
            self.disconnect()
            raise moved from error


def to_owner(connection: type[Any]) -> type[Any]:
    """Return a kind of connection for asyncio that takes a `SlotOwner` as ``owner`` and goes there."""
    return type(connection.__name__, (_ToOwner, connection), {})


def blocking_to_owner(connection: type[Any]) -> type[Any]:
    """Return the same for programs that wait."""
    return type(connection.__name__, (_BlockingToOwner, connection), {})
