"""Where the primary is that has our keys, on a Redis Cluster and behind Sentinel, now and after a failover.

Redis Cluster: all keys have one hash tag, so one of its nodes has them all, and every connection goes to that one. A function
touches the position of a partition, its alerts and its features in one step, and what a failover loses it loses of all of
them together; that is only so on one node. Hence commands, pipelines and functions are the same as on a single server; what a
cluster or Sentinel adds is to find the node, now and whenever it has changed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["Address", "BlockingToPrimary", "Primary", "SentinelPrimary", "SlotOwner", "ToPrimary"]

Address = tuple[str, int]

_AWAY = (RedisConnectionError, RedisTimeoutError)


class Primary:
    """Which server is the primary, as far as the connections of one client know.

    Parameters
    ----------
    seed : (str, int)
        Host and port of a server that is asked first, from which the others are learned.
    questions : sequence of tuple of str
        Commands whose answers `learn` takes.
    """

    def __init__(self, seed: Address, *questions: tuple[str, ...]) -> None:
        self.address: Address | None = None
        self.questions = questions
        self._seed = seed
        self._nodes: list[Address] = []

    def nodes(self) -> Iterator[Address]:
        """Return whom to ask: all servers that were there last, and the first one at the end."""
        yield from [*(node for node in self._nodes if node != self._seed), self._seed]

    def learn(self, answers: Sequence[Any], *, asked: str) -> None:
        """Take the answers of a server, `asked`, to all questions.

        Raises
        ------
        redis.exceptions.ConnectionError
            If they name no primary.
        """
        raise NotImplementedError

    def moved(self, error: ResponseError) -> RedisConnectionError:
        """Take note that a server is not the primary; return what the connection to it ends with."""
        self.address = None
        return RedisConnectionError(f"it is no primary now: {error}")


class SlotOwner(Primary):
    """Which node of a Redis Cluster has the slot of a hash tag.

    Parameters
    ----------
    tag : str
        What is in the braces.
    seed : (str, int)
        Host and port of any node.

    Examples
    --------
    >>> owner = SlotOwner("sg", ("10.0.0.1", 6379))
    >>> owner.learn([[[0, 16383, [b"10.0.0.2", 6379, b"id"], [b"10.0.0.3", 6379, b"id"]]]], asked="10.0.0.1")
    >>> owner.address, list(owner.nodes())
    (('10.0.0.2', 6379), [('10.0.0.2', 6379), ('10.0.0.3', 6379), ('10.0.0.1', 6379)])
    """

    def __init__(self, tag: str, seed: Address) -> None:
        super().__init__(seed, ("CLUSTER", "SLOTS"))
        self.slot = key_slot(tag.encode())

    def learn(self, answers: Sequence[Any], *, asked: str) -> None:
        """Take the answer to CLUSTER SLOTS of a node, which may leave its own host out."""
        nodes: list[Address] = []
        for first, last, *replicas in answers[0]:
            known = [
                ((host or asked.encode()).decode(), int(port)) for host, port, *_ in replicas if host != b"?"
            ]
            nodes += known
            if first <= self.slot <= last and known:
                self.address = known[0]
        self._nodes = list(dict.fromkeys(nodes))
        if self.address is None:
            raise RedisConnectionError(f"no node of the cluster has slot {self.slot}")

    def moved(self, error: ResponseError) -> RedisConnectionError:
        """Take the new owner from the old one's answer."""
        if not isinstance(error, MovedError):
            return super().moved(error)
        self.address = (error.host, error.port) if error.host else None
        return RedisConnectionError(f"slot {self.slot} of the cluster is at {error.host}:{error.port} now")


class SentinelPrimary(Primary):
    """Which server Sentinel calls the primary.

    Parameters
    ----------
    name : str
        Under which Sentinel watches it.
    seed : (str, int)
        Host and port of any Sentinel.

    Examples
    --------
    >>> primary = SentinelPrimary("gauge", ("10.0.0.1", 26379))
    >>> primary.learn([[b"10.0.0.5", b"6379"], [[b"ip", b"10.0.0.2", b"port", b"26379"]]], asked="10.0.0.1")
    >>> primary.address, list(primary.nodes())
    (('10.0.0.5', 6379), [('10.0.0.2', 26379), ('10.0.0.1', 26379)])
    """

    def __init__(self, name: str, seed: Address) -> None:
        super().__init__(seed, ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name), ("SENTINEL", "SENTINELS", name))
        self._name = name

    def learn(self, answers: Sequence[Any], *, asked: str) -> None:
        """Take the address of the primary, and the other Sentinels."""
        address, others = answers
        if not address:
            raise RedisConnectionError(f"Sentinel at {asked} knows no primary {self._name}")
        fields = [dict(zip(one[::2], one[1::2], strict=True)) for one in others]
        self._nodes = [(one[b"ip"].decode(), int(one[b"port"])) for one in fields]
        self.address = (address[0].decode(), int(address[1]))


class ToPrimary:
    """Mixin for connections for asyncio: they go to a `Primary`, which is asked for by connections that `ask` makes."""

    def __init__(self, *, primary: Primary, ask: Callable[..., Any], **options: Any) -> None:
        super().__init__(**options)
        self._primary = primary
        self._ask = ask

    async def connect_check_health(self: Any, *args: Any, **options: Any) -> None:
        """Connect to the primary; ask around first where it is not known."""
        if self.is_connected:
            return
        if self._primary.address is None:
            await self._find()
        self.host, self.port = self._primary.address
        try:
            await super().connect_check_health(*args, **options)  # type: ignore[misc]  # redis-py's
        except _AWAY:
            self._primary.address = None
            raise

    async def _find(self) -> None:
        failed: Exception | None = None
        for host, port in self._primary.nodes():
            asked = self._ask(host=host, port=port)
            try:
                await asked.connect()
                answers = []
                for question in self._primary.questions:
                    await asked.send_command(*question)
                    answers.append(await asked.read_response())
                self._primary.learn(answers, asked=host)
            except _AWAY as error:
                failed = error
            else:
                return
            finally:
                await asked.disconnect()
        raise failed or RedisConnectionError("nobody is known to ask for the primary")

    async def read_response(self: Any, *args: Any, **options: Any) -> Any:
        """Read an answer; from what is no primary it ends the connection, so that it is made anew to the one that is."""
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]  # redis-py's
        except (MovedError, ReadOnlyError) as error:
            moved = self._primary.moved(error)
            await self.disconnect()
            raise moved from error


class BlockingToPrimary:
    """The same for programs that wait."""

    def __init__(self, *, primary: Primary, ask: Callable[..., Any], **options: Any) -> None:
        super().__init__(**options)
        self._primary = primary
        self._ask = ask

    def connect_check_health(self: Any, *args: Any, **options: Any) -> None:
        """Connect to the primary; ask around first where it is not known."""
        if self.is_connected:
            return
        if self._primary.address is None:
            self._find()
        self.host, self.port = self._primary.address
        try:
            super().connect_check_health(*args, **options)  # type: ignore[misc]  # redis-py's
        except _AWAY:
            self._primary.address = None
            raise

    def _find(self) -> None:
        failed: Exception | None = None
        for host, port in self._primary.nodes():
            asked = self._ask(host=host, port=port)
            try:
                asked.connect()
                answers = []
                for question in self._primary.questions:
                    asked.send_command(*question)
                    answers.append(asked.read_response())
                self._primary.learn(answers, asked=host)
            except _AWAY as error:
                failed = error
            else:
                return
            finally:
                asked.disconnect()
        raise failed or RedisConnectionError("nobody is known to ask for the primary")

    def read_response(self: Any, *args: Any, **options: Any) -> Any:
        """Read an answer; from what is no primary it ends the connection, so that it is made anew to the one that is."""
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]  # redis-py's
        except (MovedError, ReadOnlyError) as error:
            moved = self._primary.moved(error)
            self.disconnect()
            raise moved from error
