"""The oracle: one run over the log in its order, in this process; and the comparison with what workers left behind."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import numpy as np
from aiokafka.admin import AIOKafkaAdminClient
from faults.history import history_difference
from faults.log import read_topics, scan
from logs import log_of

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.budget import sharers
from stream_app.core.history import ClosedBuckets
from stream_app.errors import StateError
from stream_app.events import (
    Alert,
    AlertState,
    DeadLetter,
    LogId,
    Readings,
    Reason,
    Rejected,
    SensorRow,
    Topics,
    decode_reading,
)
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import Settings
from stream_app.store import (
    CheckpointStore,
    Claim,
    FeatureReader,
    FeatureRow,
    IncidentReader,
    Store,
    pack_state,
    unpack_state,
)

__all__ = ["Comparison", "Truth", "compare", "expected", "torn"]

_BLOCK = 500
"""Events of a source that the oracle takes at once; the result does not depend on it."""

Letter = tuple[int, int, str]
"""Partition, offset and reason of a dead letter."""


@dataclass
class Truth:
    """What one uninterrupted run over the log gives.

    Parameters
    ----------
    monitors : dict of int to SensorMonitor
        By partition, as they are at the end.
    alerts : list of Alert
        Beginnings and ends.
    letters : set of (partition, offset, reason)
        Dead letters.
    history : dict of str to list of ClosedBuckets
        Buckets of each source.
    refused : Counter
        Refused events by reason; duplicates too, which are no dead letters.
    ends : dict of int to int
        Of each partition, the offset after the last record.
    known : dict of int to set of str
        Sources of each partition; they share the budget.
    events : int
        Records in the log.
    """

    monitors: dict[int, SensorMonitor] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    history: dict[str, list[ClosedBuckets]] = field(default_factory=dict)
    letters: set[Letter] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    ends: dict[int, int] = field(default_factory=dict)
    known: dict[int, set[str]] = field(default_factory=dict)
    events: int = 0


async def expected(
    settings: Settings,
    kafka: str,
    topic: str,
    until: Mapping[int, int] | None = None,
    before: Truth | None = None,
) -> Truth:
    """Run over the log of a topic, each partition in its order; to its end, or to the offsets given.

    Where a topic had its name before, `before` is the run over that, which goes on here.
    """
    ((name, stream),) = settings.streams.items()
    truth = before or Truth()
    log = await log_of(settings.kafka, topic)
    divide = partial(sharers, expected=stream.expected_sources, partitions=log.partitions)
    runs: dict[int, _Run] = {}
    async for _, partition, records in scan(kafka, [topic]):
        if partition not in runs:
            truth.monitors.setdefault(partition, SensorMonitor(stream, name=name))
            where = LogId(partition, log.life, settings.prefix)
            runs[partition] = _Run(truth, truth.monitors[partition], where, divide)
        wanted = records if until is None else [r for r in records if r.offset < until[partition]]
        runs[partition].take(wanted)
    for run in runs.values():
        run.finish()
    return truth


class _Run:
    """The run over one partition: source by source, each event decoded on its own, as no worker does it."""

    def __init__(
        self, truth: Truth, monitor: SensorMonitor, log: LogId, divide: Callable[[IntArray], FloatArray]
    ) -> None:
        self._truth = truth
        self._monitor = monitor
        self._log = log
        self._partition = log.partition
        self._waiting: dict[str, list[tuple[SensorRow, int, float, int]]] = {}
        self._divide = divide

    def take(self, records: Sequence[Any]) -> None:
        """Take the next records."""
        truth, waiting = self._truth, self._waiting
        truth.events += len(records)
        if records:
            truth.ends[self._partition] = records[-1].offset + 1
        for record in records:
            row = decode_reading(record.value)
            if isinstance(row, Rejected):
                truth.refused[row.reason.value] += 1
                truth.letters.add((self._partition, record.offset, row.reason.value))
                continue
            mine = waiting.setdefault(row.source, [])
            truth.known.setdefault(self._partition, set()).add(row.source)
            known = len(truth.known[self._partition])
            mine.append((row, record.offset, record.timestamp / 1000.0, known))
            if len(mine) == _BLOCK:
                self._update(row.source)

    def finish(self) -> None:
        """Take what waits for its block to be full."""
        for source in list(self._waiting):
            self._update(source)

    def _update(self, source: str) -> None:
        truth = self._truth
        rows, offsets, record_ts, known = zip(*self._waiting.pop(source), strict=True)
        readings = Readings.of(rows, offsets, record_ts)
        outcome = self._monitor.update(readings, self._log, self._divide(np.array(known)))
        truth.alerts += outcome.alerts
        truth.history.setdefault(source, []).extend(outcome.history)
        for refusal in outcome.refusals:
            truth.refused[refusal.reason.value] += 1
            if refusal.reason is not Reason.DUPLICATE:
                truth.letters.add((self._partition, refusal.offset, refusal.reason.value))


@dataclass
class Comparison:
    """How what workers left behind differs from the truth.

    Parameters
    ----------
    differences : list of str
        Empty where all is equal.
    processed : int
        Events that were counted, and dead letters. Duplicates are neither.
    lost : int
        Events, alerts and dead letters that are missing.
    duplicated : int
        Events that were counted twice, and alerts that Redis holds twice.
    repeated : int
        Records of the alert topics and of the dead letters beyond the first of their identity.
    """

    truth: Truth
    differences: list[str] = field(default_factory=list)
    processed: int = 0
    lost: int = 0
    duplicated: int = 0
    repeated: int = 0

    @property
    def verdict(self) -> str:
        """One or two words."""
        return "equal" if not self.differences else f"differs: {self.differences[0]}"


async def compare(
    settings: Settings, store: Store, kafka: str, topic: str, before: Truth | None = None
) -> Comparison:
    """Compare all that a group of workers left in Redis and in Kafka with a run of the oracle over the log."""
    result = Comparison(await expected(settings, kafka, topic, before=before))
    await _positions(result, settings, store, topic)
    await _commits(result, settings, kafka)
    await _states(result, settings, store, topic)
    await _alerts_in_redis(result, store)
    await _alerts_in_kafka(result, settings, kafka)
    await _letters(result, settings, kafka, topic)
    return result


async def torn(
    settings: Settings, store: Store, kafka: str, topic: str, positions: Mapping[int, int]
) -> list[str]:
    """Say where stored states are not those of a run up to the stored positions."""
    result = Comparison(await expected(settings, kafka, topic, positions))
    await _states(result, settings, store, topic, features=False)
    return result.differences


async def _positions(result: Comparison, settings: Settings, store: Store, topic: str) -> None:
    for partition, end in result.truth.ends.items():
        key = store.keys.offsets(settings.worker.group, topic, partition)
        stored = int(await store.client.hget(key, "next") or 0)
        if stored != end:
            result.differences.append(f"position of partition {partition} is {stored}, the log ends at {end}")


async def _commits(result: Comparison, settings: Settings, kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(settings.worker.group)
    finally:
        await admin.close()
    for tp, found in committed.items():
        end = result.truth.ends.get(tp.partition, 0)
        if found.offset > end:
            result.differences.append(f"{tp} is committed up to {found.offset}, the log ends at {end}")


async def _states(
    result: Comparison, settings: Settings, store: Store, topic: str, *, features: bool = True
) -> None:
    ((view, stream),) = settings.streams.items()
    checkpoints = CheckpointStore(store, settings.worker.group)
    reader = FeatureReader(store, view)
    for partition, monitor in result.truth.monitors.items():
        sources, restored = monitor.sources(), SensorMonitor(stream, name=view)
        stored = await checkpoints.states(
            Claim(settings.worker.group, topic, partition, 0, "", None), sources
        )
        for source in sources:
            _state(result, monitor, restored, source, stored.get(source))
            if features:
                _features(result, monitor, source, await reader.get(source))
                closed = result.truth.history[source]
                result.differences += await history_difference(store, view, source, closed, monitor)
        key = store.keys.state(settings.worker.group, topic, partition)
        extra = {name.decode() for name in await store.client.hkeys(key)} - set(sources)
        if extra:
            result.differences.append(f"states of sources that the log does not have: {sorted(extra)[:5]}")


def _state(
    result: Comparison, monitor: SensorMonitor, restored: SensorMonitor, source: str, blob: bytes | None
) -> None:
    """Compare a stored state; it goes into `restored`, for what it has counted."""
    wanted = _events(monitor, source)
    if blob is None:
        result.differences.append(f"{source} has no stored state")
        result.lost += wanted
        return
    state = unpack_state(blob, source)
    try:
        restored.restore(source, state)
    except StateError as error:
        result.differences.append(str(error))
        result.lost += wanted
        return
    found = _events(restored, source)
    result.processed += found
    result.lost += max(0, wanted - found)
    result.duplicated += max(0, found - wanted)
    if found != wanted:
        result.differences.append(f"state of {source}: events: {found}, not {wanted}")
        return
    truth = unpack_state(pack_state(monitor.state(source)), "oracle")
    where = _difference(_arrays(state, monitor, source), _arrays(truth, monitor, source))
    if where:
        result.differences.append(f"state of {source}: {where}")


def _events(monitor: SensorMonitor, source: str) -> int:
    return int(monitor.features(source)[1]["events"] or 0)


def _arrays(state: Mapping[str, Any], monitor: SensorMonitor, source: str) -> dict[str, Any]:
    """Return a state with the arrays of its record by name, so that a difference has a place."""
    arrays, start = {}, 0
    for name, array in monitor._placement[source].records.arrays.items():
        arrays[name] = state["record"][start : start + array[0].nbytes]
        start += array[0].nbytes
    return {**state, "record": arrays}


def _features(result: Comparison, monitor: SensorMonitor, source: str, row: FeatureRow | None) -> None:
    event_ts, values = monitor.features(source)
    if row is None:
        if values["events"]:
            result.differences.append(f"{source} has no features")
    elif row.event_ts != event_ts or row.values != values:
        names = [name for name in row.values | values if row.values.get(name) != values.get(name)]
        result.differences.append(f"features of {source}: {', '.join(names[:5]) or 'their time'}")


async def _alerts_in_redis(result: Comparison, store: Store) -> None:
    told = [
        Alert.model_validate_json(fields[b"alert"])
        for _, fields in await store.client.xrange(store.keys.alerts)
    ]
    twice = [key for key, count in Counter((a.id, a.transition) for a in told).items() if count > 1]
    if twice:
        result.duplicated += len(twice)
        result.differences.append(f"{len(twice)} alerts are in Redis twice")
    _alerts(result, told, "Redis")
    firing = {alert.id for alert in result.truth.alerts}
    firing -= {alert.id for alert in result.truth.alerts if alert.state is AlertState.RESOLVED}
    found = {member.decode() for member in await store.client.zrange(store.keys.firing, 0, -1)}
    if found != firing:
        result.differences.append(
            f"{len(found ^ firing)} alerts fire that should not, or the other way round"
        )
    cases = {alert.case.id: alert.case for alert in result.truth.alerts}
    wanted = {case for case in cases.values() if case.state is AlertState.FIRING}
    stored = {status.incident for status in await IncidentReader(store).firing()}
    if stored != wanted:
        result.differences.append(
            f"{len(stored ^ wanted)} incidents fire that should not, or the other way round"
        )


async def _alerts_in_kafka(result: Comparison, settings: Settings, kafka: str) -> None:
    topics = Topics(settings.prefix).all_alerts()
    events = [msgspec.json.decode(record.value) for record in await read_topics(kafka, topics)]
    first = {event["id"]: event for event in reversed(events)}
    result.repeated += len(events) - len(first)
    differing = sum(event != first[event["id"]] for event in events)
    if differing:
        result.differences.append(f"{differing} alerts on the topics differ from another of the same id")
    _alerts(result, [Alert.from_cloudevent(event) for event in first.values()], "the topics")


def _alerts(result: Comparison, told: Sequence[Alert], place: str) -> None:
    wanted = {(alert.id, alert.transition): alert for alert in result.truth.alerts}
    found = {(alert.id, alert.transition): alert for alert in told}
    missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    result.lost += len(missing)
    other = [key for key in wanted.keys() & found.keys() if wanted[key] != found[key]]
    for keys, words in ((missing, "missing in"), (extra, "too many in"), (other, "with another content in")):
        if keys:
            result.differences.append(f"{len(keys)} alerts {words} {place}")


async def _letters(result: Comparison, settings: Settings, kafka: str, topic: str) -> None:
    letters = [
        DeadLetter.parse(record.key, record.value, record.timestamp, record.headers)
        for record in await read_topics(kafka, [Topics(settings.prefix).dead_letters])
    ]
    found = {(letter.partition, letter.offset, letter.reason.value) for letter in letters}
    result.repeated += len(letters) - len(found)
    result.processed += len(found)
    missing, extra = result.truth.letters - found, found - result.truth.letters
    result.lost += len(missing)
    if missing:
        result.differences.append(f"{len(missing)} dead letters are missing")
    if extra or any(letter.topic != topic for letter in letters):
        result.differences.append(f"{len(extra)} dead letters that should not be there")


def _difference(found: Any, wanted: Any, where: str = "") -> str | None:
    """Return where two states differ, bit for bit; None where they don't."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping) or found.keys() != wanted.keys():
            return f"{where or 'state'} has other keys"
        pairs = ((f"{where}.{key}" if where else str(key), found[key], wanted[key]) for key in wanted)
    elif isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            return f"{where} has another length"
        pairs = ((f"{where}[{i}]", found[i], wanted[i]) for i in range(len(wanted)))
    else:
        return None if _same(found, wanted) else f"{where}: {found!r:.40}, not {wanted!r:.40}"
    return next(filter(None, (_difference(a, b, name) for name, a, b in pairs)), None)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, np.ndarray):
        like = isinstance(found, np.ndarray) and found.dtype == wanted.dtype and found.shape == wanted.shape
        return like and found.tobytes() == wanted.tobytes()
    if isinstance(wanted, float) and isinstance(found, float):
        return np.float64(found).tobytes() == np.float64(wanted).tobytes()
    return type(found) is type(wanted) and found == wanted
