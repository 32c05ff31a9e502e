"""A subscription to alerts, each of them once."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from stream_app.backoff import backoff
from stream_app.client.positions import ANSWER_SECONDS, Progress, Start, begin_at, start_of
from stream_app.client.recent_keys import RecentKeys
from stream_app.errors import BrokerError, BrokerUnavailableError, SettingsError
from stream_app.events import Alert, Topics
from stream_app.kafka import consumer_options, reach
from stream_app.settings import KafkaSettings

__all__ = ["AlertSubscriber"]

_log = logging.getLogger(__name__)

_KINDS = ("drift", "changepoint", "anomaly", "quality", "performance")
_POLL_MS = 500
_READ_BACK = 1000
_COMMIT_SECONDS = 1.0
_REFRESH_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 10.0


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Hands what the consumer says of partitions that come and go on to functions."""

    def __init__(
        self,
        revoked: Callable[[Collection[TopicPartition]], Awaitable[None]],
        assigned: Callable[[Collection[TopicPartition]], None],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Hand on partitions before they are another member's."""
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Hand on partitions before anything of them is read."""
        self._assigned(assigned)


class AlertSubscriber:
    """Firing and resolved alerts as they are published, each transition once.

    The alert topics hold some of them more than once: after a crash, and whenever events are processed again. A
    subscriber hands on the first record of each transition. At its start it reads back what was published
    before the place where it begins, so that a restart does not make old alerts new.

    With a `group` it goes on where the group stopped. An alert is done when its body is: when the next one is asked for,
    or the loop is left without an error. What was not done is handed on again after a restart (at least once).

    Parameters
    ----------
    kafka : KafkaSettings or str
        The broker: settings, or ``host:port``.
    prefix : str
        Name of the deployment, as in the worker's settings.
    group : str, optional
        Consumer group; members of one share the alerts. Without one, every subscriber gets all of them.
    start : {"latest", "earliest"}, float or datetime
        Where to begin; with a group, only where it has not been before. A time is when an alert was published. The latest
        is where the topics end when the context is entered, or when the group assigns partitions for the first time.
    kinds : collection of str, optional
        Only these: drift, changepoint, anomaly, quality, performance.
    auto_commit : bool
        Note by itself what is done; else only `commit` does.
    horizon : float
        Seconds for which an alert is remembered. One that is published again after that is new again.
    remembered : int
        The most that are remembered, and read back at the start, for each partition of an alert topic.
    session_timeout : float
        Seconds after which the group takes a member that is not heard of for dead.

    Attributes
    ----------
    repeated, malformed : int
        Records that repeated a transition, and records that were no alerts; the latter are logged.

    Raises
    ------
    SettingsError
        If a parameter makes no sense.

    Notes
    -----
    A broker that goes away is waited for. A body that takes longer than five minutes loses the group's partitions to
    another member. About 300 bytes are kept for each alert that is remembered.

    Examples
    --------
    >>> async def page_somebody() -> None:
    ...     async with AlertSubscriber("localhost:9092", group="pager", kinds={"anomaly"}) as alerts:
    ...         async for alert in alerts:
    ...             print(alert.source, alert.state.value, alert.summary)
    """

    def __init__(
        self,
        kafka: KafkaSettings | str,
        *,
        prefix: str = "",
        group: str | None = None,
        start: Start = "latest",
        kinds: Collection[str] | None = None,
        auto_commit: bool = True,
        horizon: float = 86_400.0,
        remembered: int = 100_000,
        session_timeout: float = 10.0,
    ) -> None:
        self.repeated = 0
        self.malformed = 0
        self._kafka = kafka if isinstance(kafka, KafkaSettings) else KafkaSettings(bootstrap=kafka)
        self._group = group
        self._start = start_of(start)
        self._kinds = None if kinds is None else frozenset(kinds)
        unknown = sorted((self._kinds or frozenset()).difference(_KINDS))
        if unknown or (isinstance(kinds, str)) or self._kinds == frozenset():
            raise SettingsError(f"kinds: {kinds!r} is not a collection of {', '.join(_KINDS)}")
        if not (horizon > 0 and remembered > 0 and session_timeout > 0):
            raise SettingsError("horizon, remembered and session_timeout must be above 0")
        if not self._kafka.servers:
            raise SettingsError("no broker: give KafkaSettings or host:port")
        self._session_ms = int(session_timeout * 1000)
        self._topics = sorted({Topics(prefix).alerts(kind) for kind in self._kinds or _KINDS})
        self._auto = auto_commit and group is not None
        self._memory: dict[TopicPartition, RecentKeys] = {}
        self._bounds = (remembered, horizon)
        self._consumer: Any = None
        self._fresh: set[TopicPartition] = set()
        """Partitions that were assigned and are not begun yet."""
        self._filling: dict[TopicPartition, int] = {}
        """Partitions that are read back, and up to where."""
        self._progress = Progress()
        self._began = False
        self._commit_at = self._refresh_at = 0.0

    async def __aenter__(self) -> Self:
        """Connect.

        Raises
        ------
        BrokerError
            If no broker answers for a few seconds.
        """
        options = consumer_options(self._kafka)

        def make() -> AIOKafkaConsumer:
            return AIOKafkaConsumer(
                **options,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=self._session_ms,
                heartbeat_interval_ms=self._session_ms // 3,
                metadata_max_age_ms=int(_REFRESH_SECONDS * 1000),
            )

        self._consumer = await reach(self._kafka, make, lambda consumer: consumer.stop())
        try:
            if self._group is not None:
                self._consumer.subscribe(self._topics, listener=_Listener(self._revoked, self._assigned))
            else:
                # What is published from here on is not missed, however late the first alert is asked for.
                await self._refresh()
                await self._begin()
        except BaseException as error:
            await self._consumer.stop()
            if isinstance(error, KafkaError):
                raise self._unreadable(error) from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note what is done, leave the group and disconnect."""
        if kind is None:
            self._progress.current = None
        await self._note_finished()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._consumer.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Alert:
        """Wait for the next alert; the one before is done."""
        self._progress.current = None
        waits = backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        while True:
            try:
                await self._look_after()
                found = await self._consumer.getmany(max_records=1)
                if not found:
                    # Before a long wait all is noted, so that a rebalance meanwhile repeats nothing.
                    await self._note_finished()
                    found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=1)
                for tp, (record,) in found.items():
                    # What was fetched before a rebalance comes again from where the partition begins now.
                    if tp in self._progress.next and tp not in self._fresh:
                        alert = await self._take(tp, record)
                        if alert is not None:
                            return alert
            except KafkaError as error:
                if not error.retriable:
                    raise self._unreadable(error) from error
                wait = next(waits)
                _log.warning("alerts cannot be read now, trying again in %.1f s: %r", wait, error)
                await asyncio.sleep(wait)

    async def commit(self) -> None:
        """Note in the group that all that was handed on so far is done, the present one too.

        Raises
        ------
        SettingsError
            Without a group.
        BrokerUnavailableError
            If the broker does not answer; calling it again is safe.
        """
        if self._group is None:
            raise SettingsError("only a subscriber with a group can commit")
        if not await self._progress.commit(self._consumer, dict(self._progress.next)):
            raise BrokerUnavailableError(
                f"Kafka at {self._kafka.bootstrap} does not take the group's position now"
            )

    def _unreadable(self, error: KafkaError) -> BrokerError:
        return BrokerError(f"Kafka at {self._kafka.bootstrap}: alerts cannot be read: {error!r}")

    async def _look_after(self) -> None:
        """Do what is due before more is read."""
        now = time.monotonic()
        if now >= self._commit_at:
            await self._note_finished()
        if now >= self._refresh_at:
            await self._refresh()
        if self._fresh:
            await self._begin()
        if self._filling:
            await self._read_back()

    async def _refresh(self) -> None:
        """Without a group nobody assigns partitions: take all there are, also those that were added."""
        self._refresh_at = time.monotonic() + _REFRESH_SECONDS
        if self._group is not None:
            return
        there = [topic for topic in self._topics if topic in await self._consumer.topics()]
        if not there:
            self._refresh_at = time.monotonic() + 1.0
            return
        if set(there) != {tp.topic for tp in self._consumer.assignment()}:
            self._assign({TopicPartition(topic, 0) for topic in there} | set(self._progress.next))
        # Its answer comes after the metadata of the topics did.
        await self._consumer.end_offsets([TopicPartition(topic, 0) for topic in there])
        self._assign(
            {
                TopicPartition(topic, p)
                for topic in there
                for p in self._consumer.partitions_for_topic(topic) or ()
            }
        )

    def _assign(self, tps: set[TopicPartition]) -> None:
        if tps - self._consumer.assignment():
            # It forgets the positions of all.
            self._consumer.assign(list(tps))
            self._fresh = set(tps)

    async def _begin(self) -> None:
        """Settle where to begin in partitions that are new to this subscriber, and what to read back before."""
        for tp in sorted(self._fresh):
            known = self._progress.next.get(tp)
            if self._group is not None:
                known = await self._consumer.committed(tp)
            # A partition that was added while we were reading is new as a whole.
            first, at = await begin_at(self._consumer, tp, "earliest" if self._began else self._start, known)
            if tp not in self._consumer.assignment():
                self._fresh.discard(tp)
                continue
            self._memory.setdefault(tp, RecentKeys(*self._bounds))
            self._progress.next[tp] = at
            back = max(first, at - self._bounds[0])
            self._consumer.seek(tp, back)
            self._filling.pop(tp, None)
            if back < at:
                self._filling[tp] = at
            self._fresh.discard(tp)
            if self._group is not None and known is None:
                # Else a restart before the first alert would begin at the end of that time, and miss it.
                await self._progress.commit(self._consumer, {tp: at})
        self._began = True

    async def _read_back(self) -> None:
        """Remember what was published before the place where reading begins."""
        while self._filling and not self._fresh:
            found = await self._consumer.getmany(*self._filling, timeout_ms=_POLL_MS, max_records=_READ_BACK)
            for tp, records in found.items():
                until = self._filling.get(tp, 0)
                if tp not in self._fresh:
                    for record in records:
                        alert = _read_alert(record.value) if record.offset < until else None
                        if isinstance(alert, Alert):
                            self._memory[tp].see((alert.id, alert.transition), record.timestamp / 1000.0)
            for tp, until in list(self._filling.items()):
                if tp not in self._consumer.assignment():
                    del self._filling[tp]
                elif tp not in self._fresh and await self._consumer.position(tp) >= until:
                    self._consumer.seek(tp, until)
                    del self._filling[tp]

    async def _take(self, tp: TopicPartition, record: Any) -> Alert | None:
        """Look at a record; returns the alert if it is to be handed on."""
        if record.offset != self._progress.next[tp]:
            # Not every offset holds a record, so the log is asked whether this one once did.
            await begin_at(self._consumer, tp, self._start, self._progress.next[tp])
        self._progress.next[tp] = record.offset + 1
        alert = _read_alert(record.value)
        if not isinstance(alert, Alert):
            self.malformed += 1
            _log.error(
                "%s/%d, offset %d is no alert, left out: %s", tp.topic, tp.partition, record.offset, alert
            )
            return None
        if not self._memory[tp].see((alert.id, alert.transition), record.timestamp / 1000.0):
            self.repeated += 1
            return None
        if self._kinds is not None and alert.kind not in self._kinds:
            return None
        self._progress.current = (tp, record.offset)
        return alert

    async def _note_finished(self) -> None:
        self._commit_at = time.monotonic() + _COMMIT_SECONDS
        if self._auto:
            await self._progress.commit(self._consumer, self._progress.finished())

    async def _revoked(self, tps: Collection[TopicPartition]) -> None:
        """Note what is done of partitions that go to another member."""
        if self._auto:
            finished = self._progress.finished()
            await self._progress.commit(self._consumer, {tp: finished[tp] for tp in tps if tp in finished})
        for tp in tps:
            # What is remembered stays: the partition may come back while its last alert's body runs.
            self._progress.forget(tp)
            self._filling.pop(tp, None)
            self._fresh.discard(tp)

    def _assigned(self, tps: Collection[TopicPartition]) -> None:
        self._fresh |= set(tps)


def _read_alert(value: bytes | None) -> Alert | str:
    """Read a record of an alert topic; a text says why it is no alert."""
    try:
        return Alert.from_cloudevent(msgspec.json.decode(value or b"", type=dict[str, Any]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"not a JSON object: {error}"
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'data'}: {first['msg']}"
