"""*Dead letters*: why events were refused and what they were; with actions allowed, they are sent back."""

import asyncio
from collections import Counter
from typing import Any

from stream_app.dashboard.page import Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, facts, link, n, select, table, text
from stream_app.dead_letters import DeadLetterIndex, Place, Replay, Row, scan
from stream_app.errors import BrokerError, BrokerUnavailableError, DataError
from stream_app.events import DeadLetter, Topics
from stream_app.kafka import TopicReader, reading
from stream_app.kinds import confidential_topics

__all__ = ["PAGE"]

_READ_BACK = 10_000
"""Records of each partition that are read when a page opens."""
_ROWS = 100
_SHOWN = 4_096
_LONGEST_NAME = 100
_EVERY_SECONDS = 15.0


class _Reader:
    """Reads what the page shows, and sends letters back."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._topic = Topics(view.settings.prefix).dead_letters
        self._confidential = confidential_topics(view.settings)
        self._index: DeadLetterIndex | None = None
        self._lock = asyncio.Lock()
        self._tools = [text("by", "Your name")] if view.actions else []

    async def read(self, asked: Asked) -> dict[str, Any]:
        """Return the list, or one letter."""
        kafka = self._view.settings.kafka
        if not kafka.servers:
            return empty(
                "Kafka is not set",
                "Dead letters are a topic: set STREAMGAUGE_KAFKA, or kafka in streamgauge.toml.",
            )
        async with self._lock, reading(kafka) as reader:
            try:
                index = await self._scan(reader)
            except BrokerUnavailableError:
                raise
            except BrokerError as error:
                return empty("There are no dead letters", str(error))
            if asked["id"]:
                return await self._one(reader, index, asked["id"])
        return self._all(index, asked)

    async def _scan(self, reader: TopicReader) -> DeadLetterIndex:
        if self._index is None:
            index = DeadLetterIndex()
            index.read_to = {p: end - _READ_BACK for p, (_, end) in (await reader.spans(self._topic)).items()}
            self._index = index
        return await scan(reader, self._topic, self._index)

    def _all(self, index: DeadLetterIndex, asked: Asked) -> dict[str, Any]:
        rows = list(index)[::-1]
        if not rows:
            return empty("No dead letters", "Every event that came could be read.")
        counted = Counter((row.reason.value, row.origin.topic) for row in rows)
        found = [
            row
            for row in rows
            if asked["reason"] in {"", row.reason.value} and asked["topic"] in {"", row.origin.topic}
        ]
        reasons, topics = (sorted({pair[i] for pair in counted}) for i in (0, 1))
        heads = ["Letter", "Written", "Reason", "Message", "From", "Became"]
        if self._view.actions:
            heads.append("")
        return {
            "state": "there",
            "tools": [
                *self._tools,
                select("reason", "Reason", [("", "All reasons"), *((one, one) for one in reasons)]),
                select("topic", "Topic", [("", "All topics"), *((one, one) for one in topics)]),
            ],
            "found": f"{len(found):,} dead letter{'' if len(found) == 1 else 's'}",
            "parts": [
                table(
                    "Why",
                    ("Reason", "Topic", "Letters"),
                    [[reason, topic, n(count)] for (reason, topic), count in counted.most_common()],
                ),
                table(
                    "Letters",
                    heads,
                    [
                        [
                            link("/letters", str(row.place), id=str(row.place)),
                            {"ts": row.written},
                            row.reason.value,
                            row.message,
                            str(row.origin),
                            _became(row),
                            *self._acts(str(row.place), row),
                        ]
                        for row in found[:_ROWS]
                    ],
                    note=f"The newest {_ROWS}." if len(found) > _ROWS else "",
                    nothing="None is so.",
                ),
            ],
        }

    async def _one(self, reader: TopicReader, index: DeadLetterIndex, said: str) -> dict[str, Any]:
        place = _place(said)
        row = index.at(place)
        span = {place.partition: (place.offset, place.offset + 1)}
        letter = None
        async for record in reader.between(self._topic, span):
            letter = DeadLetter.parse(record.key, record.value, record.timestamp, record.headers)
        if letter is None:
            raise DataError(f"the dead letter {place} is not kept any more")
        known: dict[str, Cell] = {
            "Written": {"ts": row.written},
            "Reason": row.reason.value,
            "Message": row.message,
            "From": f"offset {letter.offset} of partition {letter.partition} of {letter.topic}",
            "Size": n(row.size, "bytes"),
            "Copies": n(row.copies) if row.copies > 1 else None,
            "Became": _became(row),
            "": next(iter(self._acts(str(place), row)), None),
        }
        return {
            "state": "there",
            "title": f"Dead letter {place}",
            "path": ["/letters", "All dead letters"],
            "tools": self._tools,
            "parts": [
                facts("Why", known),
                facts("What", _what(letter, hidden=letter.topic in self._confidential)),
                table(
                    "Headers",
                    ("Name", "Value"),
                    [[name, _shown(value)] for name, value in letter.origin_headers],
                    nothing="None.",
                ),
            ],
        }

    def _acts(self, place: str, row: Row) -> list[Cell]:
        """Return the column with the button, where people may send letters back."""
        if not self._view.actions:
            return []
        if row.cut or row.claims:
            return [""]
        return [{"act": "send", "id": place, "text": "Send back"}]

    async def act(self, what: str, said: str, asked: Asked) -> str:
        """Send a letter back to the topic that it came from.

        Raises
        ------
        DataError
            If nobody may, nobody says who does, or there is no such letter.
        BrokerError
            If the broker cannot be reached or refuses.
        """
        self._view.may_act()
        if what != "send":
            raise DataError("there is nothing that could be done so")
        if not asked["by"].strip():
            raise DataError("say your name first: others read who sent it")
        place, by = _place(said), asked["by"].strip()[:_LONGEST_NAME]
        async with self._lock, reading(self._view.settings.kafka) as reader:
            index = await self._scan(reader)
            row = index.at(place)
            async with Replay.connected(reader, self._topic, index, by=by) as replay:
                sent, left = await replay.send([row])
        if sent:
            return f"Sent to {row.origin.topic}"
        why = (
            "it holds the beginning of its event only" if left.cut else "it was sent before, or is being sent"
        )
        raise DataError(f"{place} was not sent: {why}")


def _place(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as error:
        raise DataError(f"dead letter {text[:40]!r}: {error}") from None


def _became(row: Row) -> Cell:
    if row.cut:
        return "beginning only"
    told = (
        f"{claim.status.value} to {to}" + (f" by {claim.by[:_LONGEST_NAME]}" if claim.by else "")
        for to, claim in row.claims.items()
    )
    return ", ".join(told) or "kept"


def _what(letter: DeadLetter, *, hidden: bool) -> dict[str, Cell]:
    """Return key and value of a letter; no page shows what may be the text of a query."""
    value = "not shown: it may hold texts of queries" if hidden else _shown(letter.value)
    return {"Key": _shown(letter.key), "Value": value}


def _shown(content: bytes | None) -> Cell:
    """Return bytes as text, or as hexadecimal digits where they are none."""
    if content is None:
        return "none"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content[: _SHOWN // 3].hex(" ")
    return {"code": text[:_SHOWN] + (" …" if len(text) > _SHOWN or len(content) > _SHOWN else "")}


async def _build(view: View) -> None:
    reader = _Reader(view)
    controls = {"reason": "", "topic": "", "id": "", "by": ""}
    await Sheet(view, reader.read, controls, "Dead letters", act=reader.act, every=_EVERY_SECONDS).read()


PAGE = Page("/letters", "Dead letters", _build)
