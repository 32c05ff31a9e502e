"""Going on after an interruption: a small file says which replay it was, the topic itself how far it got.

Every record carries the id of its replay and its number in it. The file is written before the first event
leaves, and then every second; whatever a crash kept from being written down is read from the topic, from the
last offset in the file to its end. Within a partition events arrive in order, so the last number found there
tells exactly what is missing: nothing is repeated and nothing skipped.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.publish import REPLAY_HEADER, Acknowledged, lanes_of
from stream_app.errors import BrokerError, StateError
from stream_app.kafka import consumer_options, reach
from stream_app.settings import KafkaSettings

__all__ = ["ReplayState", "catch_up", "default_path", "end_offsets", "held"]


def default_path(*key: str) -> Path:
    """Return where the state of a replay is kept: below ``$XDG_STATE_HOME``, named after `key`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    name = hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:24]
    return Path(home) / "streamgauge" / "replay" / f"{name}.json"


class _Position(msgspec.Struct, frozen=True):
    number: int
    next_offset: int


class ReplayState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a replay has got, as it is stored.

    Parameters
    ----------
    replay_id : str
        Random; tells this replay's records from those of others.
    identity : str
        Digest of what is replayed, to refuse to go on with something else.
    positions : dict of topic to dict of partition to number of the last event and offset after it
        -1 where there is none yet; one entry a partition of each topic, in the order of the topics.
    finished : bool
    shift : float
        Seconds by which its event times are later than those of the source.
    version : int
    """

    replay_id: str
    identity: str
    positions: dict[str, dict[int, _Position]]
    finished: bool = False
    shift: float = 0.0
    version: int = 2

    @classmethod
    def begin(
        cls, replay_id: str, identity: str, ends: Mapping[TopicPartition, int], shift: float = 0.0
    ) -> Self:
        """Return the state before the first event, given the end offsets of all partitions."""
        positions: dict[str, dict[int, _Position]] = {}
        for tp, end in ends.items():
            positions.setdefault(tp.topic, {})[tp.partition] = _Position(-1, end)
        return cls(replay_id, digest(identity), positions, shift=shift)

    @classmethod
    def load(cls, path: Path) -> "ReplayState | None":
        """Read a state; None when there is none.

        Raises
        ------
        StateError
            When the file cannot be read or is not a state.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=ReplayState)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise StateError(
                f"{path}: not the state of a replay: {error}; begin again without --resume"
            ) from None

    def save(self, path: Path) -> None:
        """Write the state, so that a crash leaves the old one or the new one.

        Raises
        ------
        StateError
            When it cannot be written.
        """
        fresh = path.with_suffix(".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(self))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise StateError(
                f"{path}: cannot write the replay's state: {error.strerror}; see --state"
            ) from None

    def moved(self, acknowledged: Mapping[TopicPartition, Acknowledged], *, finished: bool = False) -> Self:
        """Return the state with newer positions."""
        positions = {topic: dict(parts) for topic, parts in self.positions.items()}
        for tp, a in acknowledged.items():
            positions[tp.topic][tp.partition] = _Position(a.number, a.next_offset)
        return msgspec.structs.replace(self, positions=positions, finished=finished)

    def check(self, identity: str, topics: Mapping[str, int]) -> None:
        """Refuse to go on with something else.

        Raises
        ------
        StateError
            When source, options that change events, topics or their partitions differ.
        """
        if self.identity != digest(identity):
            raise StateError(
                "--resume: the source or an option that changes events (a file, columns, --seed, --drift, --loop) "
                "is not what it was; use the same ones, or begin again without --resume"
            )
        before = {topic: len(parts) for topic, parts in self.positions.items()}
        if list(before.items()) != list(topics.items()):
            raise StateError(
                f"--resume: the replay went to {_named(before)}, not to {_named(topics)}; "
                "begin again without --resume"
            )

    @property
    def places(self) -> dict[TopicPartition, _Position]:
        """All positions, in the order of the lanes."""
        topics = {topic: len(parts) for topic, parts in self.positions.items()}
        return {tp: self.positions[tp.topic][tp.partition] for tp in lanes_of(topics)}

    @property
    def done(self) -> dict[int, int]:
        """Number of the last event in each lane, -1 where there is none."""
        return {lane: position.number for lane, position in enumerate(self.places.values())}


def _named(topics: Mapping[str, int]) -> str:
    return " and ".join(f"{topic} with {partitions} partitions" for topic, partitions in topics.items())


def digest(identity: str) -> str:
    """Return a short name for a long description."""
    return hashlib.sha256(identity.encode()).hexdigest()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep others from the same replay while this one runs; a crash sets it free.

    Raises
    ------
    StateError
        When another process has it.
    """
    lock = path.with_suffix(".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise StateError(f"{lock}: cannot be written: {error.strerror}; see --state") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"{path}: the same replay is running already; wait for it, or give another --state FILE"
            ) from None
        yield


async def end_offsets(kafka: KafkaSettings, lanes: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the offset after the last record of each partition, in their order.

    Raises
    ------
    BrokerError
        When no broker answers.
    """
    consumer = await _reader(kafka)
    try:
        ends = await consumer.end_offsets(list(lanes))
        return {tp: ends[tp] for tp in lanes}
    except KafkaError as error:
        raise _unreadable(kafka, lanes, error) from None
    finally:
        await consumer.stop()


async def catch_up(kafka: KafkaSettings, state: ReplayState) -> ReplayState:
    """Move a state to what the topics really have of its replay.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic has lost events that it had acknowledged.
    """
    consumer = await _reader(kafka)
    wanted = state.places
    found: dict[TopicPartition, Acknowledged] = {}
    stamp = f"{state.replay_id}:".encode()
    try:
        ends = await consumer.end_offsets(list(wanted))
        begins = await consumer.beginning_offsets(list(wanted))
        for tp, position in wanted.items():
            if ends[tp] < position.next_offset:
                raise BrokerError(
                    f"--resume: topic {tp.topic} partition {tp.partition} ends at {ends[tp]}, before offset "
                    f"{position.next_offset} that was acknowledged: the broker lost events or the topic is a new one; "
                    "begin again without --resume"
                )
        consumer.assign(list(wanted))
        for tp, position in wanted.items():
            consumer.seek(tp, max(position.next_offset, begins[tp]))
        behind = {tp for tp in wanted if max(wanted[tp].next_offset, begins[tp]) < ends[tp]}
        while behind:
            for tp, records in (await consumer.getmany(*behind, timeout_ms=500)).items():
                for record in records:
                    for key, value in record.headers:
                        if key == REPLAY_HEADER and value.startswith(stamp):
                            number = int(value[len(stamp) :])
                            found[tp] = Acknowledged(number, record.offset + 1)
            behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
    except KafkaError as error:
        raise _unreadable(kafka, wanted, error) from None
    finally:
        await consumer.stop()
    return state.moved(found)


async def _reader(kafka: KafkaSettings) -> AIOKafkaConsumer:
    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **consumer_options(kafka), enable_auto_commit=False, auto_offset_reset="earliest"
        )

    return await reach(kafka, make, lambda c: c.stop())


def _unreadable(kafka: KafkaSettings, lanes: Iterable[TopicPartition], error: KafkaError) -> BrokerError:
    topics = ", ".join(dict.fromkeys(lane.topic for lane in lanes))
    return BrokerError(f"{kafka.bootstrap}: topic {topics} cannot be read: {error}")
