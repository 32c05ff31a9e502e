"""Events of a model: those that were recorded, in files and on a topic, and those that come."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from producers.predictions import PredictionColumns, PredictionFiles
from stream_app.errors import DataError
from stream_app.events import DecodedRows, PredictionRow, decode_predictions
from stream_app.kafka import TopicReader
from stream_app.retraining.joined import LabelledPredictions

__all__ = ["LabelledEvents", "PredictionTopic", "file_events", "gather"]

_BATCH = 5000
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class PredictionTopic:
    """The topic of a stream of predictions.

    Parameters
    ----------
    reader : TopicReader
        Connected.
    topic : str
        Its name.
    decode : callable
        Decodes records, as the worker does; see `stream_app.kinds.predictions.prediction_rows`.
    prepare : callable, optional
        Sees that the schemas of records are there; see `stream_app.formats.preparation`.
    """

    reader: TopicReader
    topic: str
    decode: Callable[[list[Any]], DecodedRows[PredictionRow]]
    prepare: Callable[[Sequence[Any]], Awaitable[None]] | None = None

    async def recorded(self) -> AsyncIterator[Sequence[PredictionRow]]:
        """Yield what the topic holds now.

        Raises
        ------
        BrokerError
            If the topic is not there or cannot be read.
        """
        async for rows in self._between(await self.reader.spans(self.topic)):
            yield rows

    async def live(self) -> AsyncIterator[Sequence[PredictionRow]]:
        """Yield what comes from now on, without an end; an empty sequence where nothing came.

        Raises
        ------
        BrokerError
            As `recorded`.
        """
        ends = {partition: end for partition, (_, end) in (await self.reader.spans(self.topic)).items()}
        while True:
            spans = await self.reader.spans(self.topic)
            news = {partition: (ends.get(partition, begin), end) for partition, (begin, end) in spans.items()}
            async for rows in self._between(news):
                yield rows
            yield ()
            ends = {partition: end for partition, (_, end) in spans.items()}
            await asyncio.sleep(_LOOK_SECONDS)

    async def _between(self, spans: dict[int, tuple[int, int]]) -> AsyncIterator[Sequence[PredictionRow]]:
        records: list[Any] = []
        async for record in self.reader.between(self.topic, spans):
            records.append(record)
            if len(records) >= _BATCH:
                yield await self._decoded(records)
                records = []
        if records:
            yield await self._decoded(records)

    async def _decoded(self, records: list[Any]) -> Sequence[PredictionRow]:
        if self.prepare is not None:
            await self.prepare(records)
        return self.decode(records).rows


def file_events(paths: Sequence[str]) -> Iterable[Sequence[PredictionRow]]:
    """Read events from files, as `streamgauge replay predictions` does.

    Raises
    ------
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """
    for batch in PredictionFiles.find(paths, PredictionColumns()).batches():
        yield DecodedRows.of(decode_predictions(batch.encode())).rows


class LabelledEvents:
    """The newest labelled predictions of a model, out of all that is shown to it.

    Parameters
    ----------
    source : str
        The model, as events name it.
    most : int
        How many are kept.
    recent : float
        Seconds of event time behind the newest one beyond which they do not count.
    """

    def __init__(self, source: str, *, most: int, recent: float) -> None:
        self._joined = LabelledPredictions(source, most=10 * most)
        self._recent = recent
        self._rows: deque[PredictionRow] = deque(maxlen=most)
        self._sources: Counter[str] = Counter()

    def add(self, rows: Iterable[PredictionRow]) -> None:
        """Take events in their order."""
        for row in rows:
            self._sources[row.source] += 1
            known = self._joined.add(row)
            if known is not None:
                self._rows.append(known)

    def rows(self) -> list[PredictionRow]:
        """Return them.

        Raises
        ------
        DataError
            If there is none; says what there is instead.
        """
        source = self._joined.source
        if not self._sources:
            raise DataError(f"there is no event of {source} to learn from: nothing was sent yet")
        if source not in self._sources:
            others = ", ".join(name for name, _ in self._sources.most_common(5))
            raise DataError(
                f"there is no event of {source}; the models of the events are {others}: set source"
            )
        if not self._rows:
            raise DataError(
                f"{self._joined.predictions:,} predictions of {source} and no label for any of them "
                f"({self._joined.labels:,} labels came): labels must come with the ids of their predictions"
            )
        newest = max(row.ts for row in self._rows)
        return [row for row in self._rows if row.ts >= newest - self._recent]


async def gather(found: LabelledEvents, files: Sequence[str], topic: PredictionTopic | None) -> None:
    """Show it the events of files, and then those of a topic.

    Raises
    ------
    SourceError, BrokerError
        If they cannot be read.
    """
    if files:
        for rows in file_events(files):
            found.add(rows)
    if topic is not None:
        async for rows in topic.recorded():
            found.add(rows)
