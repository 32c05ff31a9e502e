"""A replay from its source to the last acknowledgement."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from aiokafka import TopicPartition

from producers.batch import EventBatch, FilteredSource, Source
from producers.connection import ensure_topics
from producers.control import listening
from producers.overlap import note_overlap, shift_to_now
from producers.pacing import Clock, Pace, WallClock, paced
from producers.passes import limited, looped
from producers.progress import Progress, Silent
from producers.publish import Acknowledged, Numbered, Publisher, lanes_of, unseen
from producers.remote import PausableClock, Remote
from producers.resume import ReplayState, catch_up, end_offsets, held
from stream_app.errors import SettingsError, SourceError
from stream_app.settings import KafkaSettings

__all__ = ["Replay", "Summary", "run"]

SAVE_SECONDS = 1.0
SHOW_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay, where to, and how.

    Parameters
    ----------
    source : Source
    kafka : KafkaSettings
    topics : tuple of str
        One, or several in the order of the batches' routes; created when missing.
    partitions : int or None
        Of each topic; None is whatever it has, 4 for a new one.
    pace : Pace
    loop : bool
        Again and again, event time moving on.
    limit : int or None
        Most events of the source in the whole replay, those before an interruption included.
    change : callable
        Makes, for one run, what takes the source's batches and gives those that are sent; or gives None.
    share : float
        Events that are sent for each of the source, about; for showing progress.
    settings : str
        Whatever else decides on the events (the drift, its seed); goes into the identity.
    state : Path or None
        Where progress is kept; None keeps none.
    resume : bool
        Go on where the replay in `state` was interrupted.
    control : str or None
        Topic in which something may be said to `remote` while it runs.
    remote : Remote
    from_now : bool
        Event times are shifted, so that the first event comes now.
    present : mapping of str to float
        Time of the newest event that the first topic has of each source, in epoch seconds, as far as it is known.
    """

    source: Source
    kafka: KafkaSettings
    topics: tuple[str, ...]
    partitions: int | None = None
    pace: Pace = field(default_factory=Pace)
    loop: bool = False
    limit: int | None = None
    change: Callable[[], Callable[[Iterator[Any]], Iterator[EventBatch]] | None] = lambda: None
    share: float = 1.0
    settings: str = ""
    state: Path | None = None
    resume: bool = False
    control: str | None = None
    remote: Remote = field(default_factory=lambda: Remote(""))
    from_now: bool = False
    present: Mapping[str, float] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Everything that decides which events come in which order."""
        now = "\nfrom now" if self.from_now else ""
        return f"{self.source.identity}\n{self.settings}\n{self.loop}{now}"

    def events(self, shift: float = 0.0) -> Iterator[EventBatch]:
        """All events, from the first, so many seconds later than in the source."""
        batches = looped(self.source) if self.loop else self.source.batches()
        some: Iterator[Any] = limited(batches, self.limit)
        if shift:
            some = (batch.shifted(shift) for batch in some)
        change = self.change()
        return some if change is None else change(some)

    @property
    def total(self) -> int | None:
        """How many events there are to be sent, None if unknown or without end."""
        total = None if self.loop else self.source.total
        known = [count for count in (total, self.limit) if count is not None]
        return round(min(known) * self.share) if known else None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Parameters
    ----------
    replay_id : str
    topics : dict of topic to partitions
    sources : int
    events : int
        Acknowledged in this run.
    before : int
        That the topics had before it, of the same replay.
    bytes : int
    seconds : float
    rate : float
        Events a second.
    first_ts, last_ts : float or None
        Least and greatest event time of this run, epoch seconds.
    per_partition : dict of topic to dict of partition to the number of its last event
        Numbers count over the whole replay.
    idempotent, interrupted : bool
    left_out : dict of reason to int
        Rows of the source that were read and are no events.
    """

    replay_id: str
    topics: Mapping[str, int]
    sources: int
    events: int
    before: int
    bytes: int
    seconds: float
    rate: float
    first_ts: float | None
    last_ts: float | None
    per_partition: Mapping[str, Mapping[int, int]]
    idempotent: bool
    interrupted: bool
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """What has gone by."""

    names: set[str] = field(default_factory=set)
    first: float = np.inf
    last: float = -np.inf
    before: int = 0

    def add(self, chunk: Numbered) -> None:
        events = chunk.events
        self.names.update(events.names[code] for code in np.unique(events.source).tolist())
        self.first = min(self.first, float(chunk.ts.min()))
        self.last = max(self.last, float(chunk.ts.max()))


async def run(
    replay: Replay,
    *,
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> Summary:
    """Replay until the source ends, the limit is reached or `stop` is set.

    1. The topics are there. 2. The state says where to begin: at the start, or after what they have.
    3. Events are numbered, those that are there already left out, paced and sent. 4. All is acknowledged, then
    written down.

    Raises
    ------
    BrokerError
        When the broker cannot be reached or does not take the events.
    SourceError, SettingsError
        When the source cannot be read or options make no sense.
    StateError
        When a replay cannot be resumed, or is running already.
    """
    progress, stop = progress or Silent(), stop or asyncio.Event()
    found = await ensure_topics(replay.kafka, dict.fromkeys(replay.topics, replay.partitions), progress.note)
    topics = {topic: found[topic] for topic in replay.topics}
    with ExitStack() as stack:
        path, state = await _begin(replay, topics, stack, progress)
        publisher = await Publisher.connect(
            replay.kafka, lanes_of(topics), state.replay_id, note=progress.note
        )
        seen, begun = _Seen(), monotonic()
        replay.remote.stop = stop
        ears = (
            nullcontext()
            if replay.control is None
            else listening(replay.kafka, replay.control, replay.remote, progress.note)
        )
        try:
            async with ears, _watched(publisher, state, path, seen, progress, replay.total):
                try:
                    await _pump(
                        replay, publisher, state, topics, seen, stop, clock or WallClock(stop), progress.note
                    )
                except (SourceError, SettingsError):
                    # What came before the mistake still arrives.
                    await publisher.flush()
                    raise
                await publisher.flush()
        finally:
            state = state.moved(publisher.acknowledged)
            if path is not None:
                state.save(path)
            await publisher.close()
        if path is not None and not stop.is_set():
            state.moved({}, finished=True).save(path)
    seconds = monotonic() - begun
    return Summary(
        replay_id=state.replay_id,
        topics=topics,
        sources=len(seen.names),
        events=publisher.events,
        before=seen.before,
        bytes=publisher.size,
        seconds=round(seconds, 3),
        rate=round(publisher.events / seconds, 1) if seconds else 0.0,
        first_ts=seen.first if seen.names else None,
        last_ts=seen.last if seen.names else None,
        per_partition={
            topic: {p: position.number for p, position in parts.items()}
            for topic, parts in state.positions.items()
        },
        idempotent=publisher.idempotent,
        interrupted=stop.is_set(),
        left_out=replay.source.left_out if isinstance(replay.source, FilteredSource) else {},
    )


async def _begin(
    replay: Replay, topics: Mapping[str, int], stack: ExitStack, progress: Progress
) -> tuple[Path | None, ReplayState]:
    """Find where to begin, and write it down before the first event leaves."""
    path = replay.state
    if path is not None:
        stack.enter_context(held(path))
    old = ReplayState.load(path) if path is not None and replay.resume else None
    if old is not None:
        old.check(replay.identity, topics)
        return path, await catch_up(replay.kafka, old)
    if replay.resume:
        progress.note("nothing to resume: beginning at the first event")
    ends = await end_offsets(replay.kafka, lanes_of(topics))
    shift = shift_to_now(replay.source, replay.present) if replay.from_now else 0.0
    state = ReplayState.begin(secrets.token_hex(8), replay.identity, ends, shift)
    if path is not None:
        state.save(path)
    return path, state


async def _pump(
    replay: Replay,
    publisher: Publisher,
    state: ReplayState,
    topics: Mapping[str, int],
    seen: _Seen,
    stop: asyncio.Event,
    clock: Clock,
    note: Callable[[str], None],
) -> None:
    """Send what is not there yet, numbered and paced."""
    done = {lane: number for lane, number in state.done.items() if number >= 0}
    partitions = tuple(topics.values())

    def fresh() -> Iterator[Numbered]:
        number = 0
        for batch in replay.events(state.shift):
            if number == 0 and len(batch) and not done:
                note_overlap(batch, replay.topics[0], replay.present, note)
            chunk = Numbered.after(number, batch, partitions)
            number += len(batch)
            rest = unseen(chunk, done)
            seen.before += len(chunk) - len(rest)
            yield rest

    at_once = replay.pace.speed is not None or replay.pace.rate is not None
    pausable = PausableClock(clock, replay.remote)
    async for chunk in paced(fresh(), replay.pace, pausable, stop):
        await pausable.open(stop)
        await publisher.send(chunk, at_once=at_once)
        seen.add(chunk)


@asynccontextmanager
async def _watched(
    publisher: Publisher,
    state: ReplayState,
    path: Path | None,
    seen: _Seen,
    progress: Progress,
    total: int | None,
) -> AsyncIterator[None]:
    """Show progress and write it down while the body runs."""

    async def watch() -> None:
        saved: Mapping[TopicPartition, Acknowledged] = {}
        next_save = monotonic() + SAVE_SECONDS
        while True:
            await asyncio.sleep(SHOW_SECONDS)
            progress.update(seen.before + publisher.events)
            if path is not None and monotonic() >= next_save and saved != publisher.acknowledged:
                saved = dict(publisher.acknowledged)
                state.moved(saved).save(path)
                next_save = monotonic() + SAVE_SECONDS

    progress.begin(total, 0)
    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        result = (await asyncio.gather(watching, return_exceptions=True))[0]
        progress.update(seen.before + publisher.events)
        progress.end()
    if isinstance(result, Exception):
        raise result
