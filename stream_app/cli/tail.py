"""Reading a topic of CloudEvents: what is in it, and what comes, each event once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec
import typer
from pydantic import ValidationError

from stream_app.cli.loop import run
from stream_app.cli.options import broker_of
from stream_app.cli.show import console
from stream_app.kafka import TopicReader, reading
from stream_app.settings import Settings

__all__ = ["EventTail", "tail_topic"]

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
    """

    def __init__(self, reader: TopicReader, topic: str, kind: type[Item], since: float = 0.0) -> None:
        self._reader = reader
        self._topic = topic
        self._kind = kind
        self._since = since
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
        todo = {p: (max(begin, self._next.get(p, 0)), end) for p, (begin, end) in spans.items()}
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


def tail_topic(
    settings: Settings,
    topic: str,
    kind: type[Item],
    wanted: Callable[[Item], bool],
    line: Callable[[Item], str],
    *,
    since: float,
    last: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Print what a topic tells, a line an event or a JSON object, to its end or to Ctrl-C.

    Parameters
    ----------
    settings : Settings
        The broker.
    topic : str
        Its name.
    kind : type
        What its records are.
    wanted, line : callable
        Which to print, and how, as rich markup.
    since : float
        Leave out what was written before this time, in epoch seconds.
    last : int or None
        The newest so many; None is all.
    follow : bool
        Go on as new ones come.
    as_json : bool
        Print JSON.

    Raises
    ------
    SettingsError
        If no broker is named.
    BrokerError
        If the topic is not there or cannot be read.
    """
    kafka = broker_of(settings)

    def show(item: Item) -> None:
        if as_json:
            typer.echo(item.model_dump_json())
        else:
            console.print(line(item), soft_wrap=True)

    async def work() -> None:
        async with reading(kafka) as reader:
            told = EventTail(reader, topic, kind, since)
            known = [item for item in await told.news() if wanted(item)]
            for item in known if last is None else known[len(known) - min(last, len(known)) :]:
                show(item)
            _warn(told.strange)
            if not (known or follow or as_json):
                console.print("There is nothing.")
            if follow:
                async for item in told.follow():
                    if wanted(item):
                        show(item)

    try:
        run(work())
    except KeyboardInterrupt:
        return


def _warn(strange: int) -> None:
    if strange:
        noun = "record is" if strange == 1 else "records are"
        typer.echo(f"{strange:,} {noun} none of Streamgauge's, and left out", err=True)
