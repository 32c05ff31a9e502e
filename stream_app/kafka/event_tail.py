"""Reading a topic of CloudEvents: what is in it, and what comes, each event once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec
from pydantic import ValidationError

from stream_app.kafka.reading import TopicReader

__all__ = ["CloudEvent", "EventTail"]

_LOOK_SECONDS = 0.5


class CloudEvent(Protocol):
    """What can be read out of a CloudEvent."""

    @property
    def id(self) -> str:
        """The same for the same event, however often it was written."""

    @classmethod
    def from_cloudevent(cls, event: dict[str, Any]) -> Self:
        """Read it."""

    def model_dump_json(self) -> str:
        """Return it as JSON."""


Item = TypeVar("Item", bound=CloudEvent)


class EventTail(Generic[Item]):
    """What a topic tells. A worker that crashed may tell something again, so each id counts once.

    Parameters
    ----------
    reader : TopicReader
        Connected.
    topic : str
        Its name.
    kind : type
        What its records are.
    since : float
        Leave out what was written before this time, in epoch seconds.
    newest : int, optional
        Begin so many records before the end of each partition, so that a large topic is not read whole.
    """

    def __init__(
        self,
        reader: TopicReader,
        topic: str,
        kind: type[Item],
        since: float = 0.0,
        newest: int | None = None,
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._kind = kind
        self._since = since
        self._newest = newest
        self._known: set[str] = set()
        self._next: dict[int, int] = {}
        self.strange = 0
        """Records that were something else."""

    async def news(self) -> list[Item]:
        """Return what was written since the last time, in the order in which it was written.

        Raises
        ------
        BrokerError
            If the topic is not there or cannot be read.
        """
        spans = await self._reader.spans(self._topic)
        first = {p: 0 if self._newest is None else end - self._newest for p, (_, end) in spans.items()}
        todo = {p: (max(begin, self._next.get(p, first[p])), end) for p, (begin, end) in spans.items()}
        found: list[tuple[int, int, int, Item]] = []
        async for record in self._reader.between(self._topic, todo):
            item = self._read(record.value)
            if item is None:
                self.strange += 1
            elif item.id not in self._known:
                self._known.add(item.id)
                if record.timestamp >= 1000.0 * self._since:
                    found.append((record.timestamp, record.partition, record.offset, item))
        self._next = {p: end for p, (_, end) in todo.items()}
        return [item for *_, item in sorted(found, key=lambda each: each[:3])]

    async def follow(self) -> AsyncIterator[Item]:
        """Yield what comes, without an end."""
        while True:
            for item in await self.news():
                yield item
            await asyncio.sleep(_LOOK_SECONDS)

    def _read(self, value: bytes | None) -> Item | None:
        try:
            return self._kind.from_cloudevent(msgspec.json.decode(value or b"", type=dict[str, Any]))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValidationError):
            return None
