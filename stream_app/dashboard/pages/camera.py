"""*Camera*: digits, clean and degraded, and what comes of it: accuracy and measurements by level; with actions allowed, the level is set here."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from nicegui import background_tasks

from producers.control import say
from stream_app.dashboard.camera import CameraTail, LevelRead
from stream_app.dashboard.digits import digits
from stream_app.dashboard.page import OneAtATime, Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, link, n, pictures, share, slider, table
from stream_app.errors import BrokerError, DataError, MissingExtraError
from stream_app.events import Topics
from stream_app.events.control import ReplayControl
from stream_app.kafka import TopicReader, reading
from stream_app.kinds import IMAGES, PREDICTIONS, Kind, input_topic
from stream_app.settings import Settings

__all__ = ["PAGE", "PUBLISHED"]

PUBLISHED = (0.971, 0.843, 0.756, 0.712, 0.629, 0.615, 0.102, 0.103, 0.102, 0.103)
"""Accuracy of a random forest on MNIST by level, as published; see docs/images.md."""

_EVERY_SECONDS = 1.0
_INCIDENTS = 10
_LEAST = 10
"""Labelled predictions of a level from which it has an accuracy."""


class _Reader:
    """Reads what the page shows, and says to replays what it is told."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._tail = CameraTail(*(_topic(view.settings, kind) for kind in (IMAGES, PREDICTIONS)))
        self._wanted = 0
        self._say = OneAtATime(self._say_now)
        self._kafka: tuple[TopicReader, AsyncExitStack] | None = None
        self._lock = asyncio.Lock()

    async def read(self, _: Asked) -> dict[str, Any]:
        """Return the page."""
        if not self._view.settings.kafka.servers:
            return empty(
                "Kafka is not set", "Images are a topic: set STREAMGAUGE_KAFKA, or kafka in streamgauge.toml."
            )
        async with self._lock:
            try:
                await self._tail.read(await self._connection())
            except BrokerError:
                await self._disconnect()
                raise
        tail = self._tail
        if not tail.camera:
            return empty("No camera yet", "A replay sends one: streamgauge replay images --speed real --loop")
        return {
            "state": "there",
            "title": tail.camera,
            "lead": f"Level {tail.level} now"
            + ("" if self._view.actions else "; it is set here with --allow-actions"),
            "tools": [slider("level", "Degraded to level", range(len(PUBLISHED)), tail.level)]
            if self._view.actions
            else [],
            "parts": [await self._digits(), self._incidents(), self._by_level()],
        }

    async def _connection(self) -> TopicReader:
        """Connect once: the page is read every second."""
        if self._kafka is None:
            stack = AsyncExitStack()
            self._kafka = await stack.enter_async_context(reading(self._view.settings.kafka)), stack
        return self._kafka[0]

    async def _disconnect(self) -> None:
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await kafka[1].aclose()

    async def close(self) -> None:
        """Disconnect, once what is being read is."""
        async with self._lock:
            await self._disconnect()

    async def _digits(self) -> dict[str, Any]:
        note = "Digits of the sample, as they are and as this camera sends them."
        try:
            pairs = await asyncio.to_thread(digits, self._tail.level, self._tail.number)
        except MissingExtraError as error:
            return pictures("Clean and degraded", [], note=str(error))
        return pictures(
            "Clean and degraded",
            [("as they are", [one for one, _ in pairs]), ("as sent", [one for _, one in pairs])],
            note=note,
        )

    def _by_level(self) -> dict[str, Any]:
        rows: list[list[Cell]] = []
        for level, found in enumerate(self._tail.levels):
            distance = found.distance(self._tail.levels[0]) if level else None
            rows.append([
                {"mark": "info", "text": f"{level} now"} if level == self._tail.level else str(level),
                n(found.images) if found.images else None,
                _accuracy(found),
                share(PUBLISHED[level]),
                None if distance is None else n(round(distance[0], 3)),
                None if distance is None else distance[1],
            ])  # fmt: skip
        return table(
            "By level",
            ("Level", "Images", "Accuracy", "Published", "KS", "Of"),
            rows,
            note="Accuracy of the newest 1,000 labelled predictions of each level, with its 95 % interval, beside that published for MNIST; "
            "KS is the largest distance of a measurement's distribution from that of level 0.",
        )

    def _incidents(self) -> dict[str, Any]:
        streams = {
            one.name for one in self._view.snapshot.streams if one.kind in {IMAGES.name, PREDICTIONS.name}
        }
        mine = [one for one in self._view.snapshot.incidents[::-1] if one.incident.stream in streams]
        rows: list[list[Cell]] = [
            [
                {
                    "mark": one.severity.value if one.incident.firing else "fine",
                    "text": one.incident.state.value,
                },
                link(f"/incidents/{one.incident.id}", one.incident.summary),
                one.incident.source,
                {"ts": one.incident.started_at},
            ]
            for one in mine[:_INCIDENTS]
        ]
        return table(
            "Incidents", ("State", "What", "Of", "Began"), rows, nothing="None of cameras and models."
        )

    async def act(self, what: str, said: str, _: Asked) -> str:
        """Set the level of replays that run.

        Raises
        ------
        DataError
            If nobody may, or it is no level.
        BrokerError
            If the broker cannot be reached or refuses.
        """
        self._view.may_act()
        if what != "level" or not (said.isdecimal() and int(said) < len(PUBLISHED)):
            raise DataError("a level from 0 to 9 is expected")
        self._wanted = int(said)
        await self._say()
        return ""

    async def _say_now(self) -> None:
        settings = self._view.settings
        message = ReplayControl(replay=self._tail.camera or None, level=self._wanted)
        await say(settings.kafka, Topics(settings.prefix).control, message)


def _topic(settings: Settings, kind: Kind[Any]) -> str:
    """Return the topic of the first stream of a kind; where there is none, that which such a stream has by default."""
    topics = Topics(settings.prefix)
    mine = [stream for stream in settings.streams.values() if stream.kind == kind.name]
    return input_topic(mine[0], topics) if mine else kind.topic(topics)


def _accuracy(found: LevelRead) -> Cell:
    labelled, right = len(found.right), sum(found.right)
    if labelled < _LEAST:
        return None
    from stream_app.core.slices import wilson  # noqa: PLC0415 scipy: other pages do not wait for it

    return share(right / labelled, *wilson(right, labelled, 0.95))


async def _build(view: View) -> None:
    reader = _Reader(view)
    view.client.on_delete(lambda: background_tasks.create(reader.close()))
    sheet = Sheet(view, reader.read, {}, "Camera", act=reader.act, sliders=("level",), every=_EVERY_SECONDS)
    await view.soon(sheet.read())


PAGE = Page("/camera", "Camera", _build)
