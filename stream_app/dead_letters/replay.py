"""Sending dead letters back.

A letter is sent in four steps. 1. A claim is written behind the letters in their topic. 2. The topic is read up to
there: where another claim came first, the letter is the other's. 3. The event is sent. 4. A marker says so. A replay
that was killed between 1 and 4 leaves an open claim. The next one looks up in the target, from where it ended when
the claim was made, which events arrived: those are done, the others are free again.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_app.dead_letters.index import LEASE_SECONDS, DeadLetterIndex, ReplayStatus, Row, scan
from stream_app.dead_letters.markers import MARKER_HEADER, REPLAY_HEADER, Place, ReplayMarker, encode_marker
from stream_app.errors import BrokerError, BrokerUnavailableError
from stream_app.events import DeadLetter, output_header
from stream_app.kafka import TopicReader, client_options, reach

__all__ = ["Replay", "ReplayPlan", "plan_replay"]

_SHARE = 500
"""Letters that are claimed, sent and recorded together: all that an interruption leaves open."""

_DELIVERY_SECONDS = 30.0
_CLOSE_SECONDS = 2.0


@dataclass(slots=True)
class ReplayPlan:
    """Chosen letters by what can be done with them.

    Parameters
    ----------
    ready : list of Row
        To be sent.
    sent : list of Row
        That were sent before.
    busy : list of Row
        That another replay has in hand, or had until a moment ago.
    cut : list of Row
        That hold the beginning of their event only.
    """

    ready: list[Row] = field(default_factory=list)
    sent: list[Row] = field(default_factory=list)
    busy: list[Row] = field(default_factory=list)
    cut: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Share:
    """Letters of one partition that go to one topic."""

    partition: int
    to: str
    rows: tuple[Row, ...]


def plan_replay(rows: Iterable[Row], *, to: str | None, again: bool, now: float) -> ReplayPlan:
    """Sort letters by what a replay can do with them.

    Parameters
    ----------
    rows : iterable of Row
        The chosen ones.
    to : str or None
        Where they are to go; None is where each came from.
    again : bool
        Whether to send those that were sent before.
    now : float
        Epoch seconds: claims grow old.
    """
    found = ReplayPlan()
    for row in rows:
        claim = row.claims.get(to or row.origin.topic)
        if row.cut:
            found.cut.append(row)
        elif claim is not None and claim.status is ReplayStatus.SENT and not again:
            found.sent.append(row)
        elif claim is not None and claim.status is ReplayStatus.CLAIMED and now - claim.at < LEASE_SECONDS:
            found.busy.append(row)
        else:
            found.ready.append(row)
    return found


class Replay:
    """One replay; made by `Replay.connected`.

    Parameters
    ----------
    reader : TopicReader
        For the letters.
    producer : AIOKafkaProducer
        Idempotent, started.
    topic : str
        The dead-letter topic.
    index : DeadLetterIndex
        What it holds.
    to : str, optional
        Where to send them, if not where they came from.
    again : bool
        Send those that were sent before, too.
    by : str
        Who does so, for others to read.
    """

    def __init__(
        self,
        reader: TopicReader,
        producer: AIOKafkaProducer,
        topic: str,
        index: DeadLetterIndex,
        *,
        to: str | None = None,
        again: bool = False,
        by: str = "",
    ) -> None:
        self._by = by
        self._run = secrets.token_hex(8)
        self._reader = reader
        self._producer = producer
        self._topic = topic
        self._index = index
        self._to = to
        self._again = again

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        reader: TopicReader,
        topic: str,
        index: DeadLetterIndex,
        *,
        to: str | None = None,
        again: bool = False,
        by: str = "",
    ) -> AsyncIterator["Replay"]:
        """Connect a producer whose retries never repeat an event, for as long as the body runs.

        Raises
        ------
        BrokerError
            If no broker answers.
        """
        options = client_options(reader.kafka)

        def make() -> AIOKafkaProducer:
            return AIOKafkaProducer(**options, enable_idempotence=True, linger_ms=5)

        producer = await reach(reader.kafka, make, lambda p: p.stop())
        try:
            yield cls(reader, producer, topic, index, to=to, again=again, by=by)
        finally:
            # It waits for deliveries, which never come where the broker is gone.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await producer.stop()

    async def send(self, rows: Sequence[Row]) -> tuple[Counter[str], ReplayPlan]:
        """Send letters; a cancellation waits until those in hand are done.

        Returns
        -------
        counter of topic, ReplayPlan
            How many were sent where, and the others by why they were not (`ready` is empty).

        Raises
        ------
        BrokerError
            If the broker cannot be reached or refuses, or a topic is not there. What was sent before that is found out
            by the next replay.
        """
        found = self._plan(rows)
        for to in sorted({self._target(row) for row in found.ready}):
            await self._reader.partitions(to)
        if await self._settle(found.ready):
            found = self._plan(rows)
        counted: Counter[str] = Counter()
        for share in self._shares(found.ready):
            work = asyncio.ensure_future(self._send(share))
            try:
                sent = await asyncio.shield(work)
            except asyncio.CancelledError:
                await work
                raise
            counted[share.to] += len(sent)
            # Since the index was read another replay was quicker.
            found.busy += [row for row in share.rows if row.place not in sent]
        found.ready = []
        return counted, found

    def _plan(self, rows: Sequence[Row]) -> ReplayPlan:
        return plan_replay(rows, to=self._to, again=self._again, now=time.time())

    def _target(self, row: Row) -> str:
        return self._to or row.origin.topic

    async def _settle(self, rows: Sequence[Row]) -> bool:
        """Find out of open claims on letters, whose replays have ended, which events arrived; write it down."""
        for to, group in groupby(sorted(rows, key=self._target), self._target):
            held = [row for row in group if row.status(to) is ReplayStatus.CLAIMED]
            if not held:
                continue
            arrived = await self._arrived(to, held)
            marked = sorted(
                (
                    row.claims[to].run,
                    row.claims[to].by,
                    row.place.partition,
                    row.place in arrived,
                    row.place.offset,
                )
                for row in held
            )
            for (run, by, partition, there), some in groupby(marked, lambda marker: marker[:4]):
                offsets = [offset for *_, offset in some]
                marker = ReplayMarker(run, "sent" if there else "dropped", to, offsets, by=by)
                await self._write(partition, marker)
        held_any = any(row.status(self._target(row)) is ReplayStatus.CLAIMED for row in rows)
        if held_any:
            await scan(self._reader, self._topic, self._index)
        return held_any

    async def _arrived(self, to: str, rows: Sequence[Row]) -> set[Place]:
        """Return the letters whose events are in the target, behind where it ended when they were claimed."""
        todo = {}
        for partition, (begin, end) in (await self._reader.spans(to)).items():
            claimed = min(row.claims[to].ends.get(partition, 0) for row in rows)
            todo[partition] = (max(begin, claimed), end)
        found: set[bytes | None] = set()
        async for record in self._reader.between(to, todo):
            found.update(value for name, value in record.headers if name == REPLAY_HEADER)
        return {row.place for row in rows if self._name(row.place) in found}

    def _shares(self, rows: Sequence[Row]) -> list[_Share]:
        """Divide letters into those that are sent together, in the order of their topic."""

        def kind(row: Row) -> tuple[int, str]:
            return row.place.partition, self._target(row)

        shares = []
        for (partition, to), group in groupby(sorted(rows, key=lambda row: (kind(row), row.place)), kind):
            some = tuple(group)
            shares += [_Share(partition, to, some[i : i + _SHARE]) for i in range(0, len(some), _SHARE)]
        return shares

    async def _send(self, share: _Share) -> set[Place]:
        """Claim, read the claims, send and write the marker; return which were sent."""
        offsets = [row.place.offset for row in share.rows]
        ends = {p: end for p, (_, end) in (await self._reader.spans(share.to)).items()}
        claim = ReplayMarker(self._run, "claimed", share.to, offsets, ends, again=self._again, by=self._by)
        await self._write(share.partition, claim)
        await scan(self._reader, self._topic, self._index)
        ours = {row.place for row in share.rows if self._is_ours(row, share.to)}
        if ours:
            await self._deliver(share, ours, len(ends))
            offsets = [place.offset for place in sorted(ours)]
            sent = ReplayMarker(self._run, "sent", share.to, offsets, by=self._by)
            await self._write(share.partition, sent)
        return ours

    def _is_ours(self, row: Row, to: str) -> bool:
        claim = row.claims.get(to)
        return claim is not None and (claim.run, claim.status) == (self._run, ReplayStatus.CLAIMED)

    async def _deliver(self, share: _Share, ours: set[Place], partitions: int) -> None:
        span = {share.partition: (min(ours).offset, max(ours).offset + 1)}
        with self._refusals(share.to):
            sent = [
                await self._put(share, record, partitions)
                async for record in self._reader.between(self._topic, span)
                if Place(record.partition, record.offset) in ours
            ]
            async with asyncio.timeout(_DELIVERY_SECONDS):
                await asyncio.gather(*sent)

    async def _put(self, share: _Share, record: Any, partitions: int) -> "asyncio.Future[Any]":
        letter = DeadLetter.parse(record.key, record.value, record.timestamp, record.headers)
        home = share.to == letter.topic and letter.partition < partitions
        name = self._name(Place(record.partition, record.offset))
        sent: asyncio.Future[Any] = await self._producer.send(
            share.to,
            # The client cannot send what has neither.
            key=b"" if letter.key is None and letter.value is None else letter.key,
            value=letter.value,
            # Its source's other events are in this partition, however the producer chose it.
            partition=letter.partition if home else None,
            timestamp_ms=letter.timestamp if letter.timestamp >= 0 else None,
            headers=[*letter.origin_headers, (REPLAY_HEADER, name)],
        )
        return sent

    def _name(self, place: Place) -> bytes:
        return f"{self._topic}:{place}".encode()

    async def _write(self, partition: int, marker: ReplayMarker) -> None:
        with self._refusals(self._topic):
            headers = [(MARKER_HEADER, b"1"), output_header(self._topic)]
            writing = self._producer.send_and_wait(
                self._topic, encode_marker(marker), partition=partition, headers=headers
            )
            async with asyncio.timeout(_DELIVERY_SECONDS):
                await writing

    @contextlib.contextmanager
    def _refusals(self, topic: str) -> Iterator[None]:
        where = f"Kafka at {self._reader.kafka.bootstrap}: topic {topic}"
        try:
            yield
        except TimeoutError as error:
            raise BrokerUnavailableError(
                f"{where}: no acknowledgement for {_DELIVERY_SECONDS:.0f} s; replay again later, "
                "what has arrived is not sent twice"
            ) from error
        except KafkaError as error:
            raise BrokerError(f"{where} does not take what is sent back: {error!r}") from error
