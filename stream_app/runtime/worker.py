"""The worker: a Faust app with one agent a stream, from start to a graceful stop."""

import asyncio
import contextlib
import gc
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from itertools import chain
from typing import Any

import structlog
from faust.types import TP

from stream_app.core.features import FeatureView
from stream_app.core.reference import ReferenceTable
from stream_app.errors import BrokerError, SettingsError, StreamgaugeError
from stream_app.events import Topics
from stream_app.kafka import check_group, ensure_topics, group_refusal, start_producer
from stream_app.kafka.offsets import PartitionOffsets
from stream_app.kinds import input_topics, kind_of
from stream_app.kinds.sessions import session_configs
from stream_app.runtime.agents import StreamAgent
from stream_app.runtime.assembly import WorkerContext, make_agent, make_partitions
from stream_app.runtime.delivery import BatchTransport, batched_topic
from stream_app.runtime.deployment import deployment_reads
from stream_app.runtime.faust_app import REQUEST_SECONDS, make_app
from stream_app.runtime.firing_watch import FiringWatch
from stream_app.runtime.freshness import FreshnessWatch
from stream_app.runtime.health import Health, assess
from stream_app.runtime.http import start_http
from stream_app.runtime.kernels import load_kernels
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.missing_events import MissingEvents
from stream_app.runtime.outages import Outages
from stream_app.runtime.outbox import Outbox
from stream_app.runtime.partitions import Partitions
from stream_app.runtime.progress_log import ProgressLog
from stream_app.runtime.store_memory import StoreMemoryWatch
from stream_app.runtime.watchdog import ReadingProgress, Watchdog
from stream_app.settings import Settings
from stream_app.store import AlertWriter, FreshnessStore, OutboxStore, Ownership, Store, ViewRegistry, connect

__all__ = ["Worker"]

_log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.1
_STOP_SECONDS = 1.5
_STORE_RETRIES = 1
"""Further tries belong to `Outages`, which can be seen and broken off."""


class Worker:
    """Watches the streams of the settings until it is stopped.

    Parameters
    ----------
    settings : Settings
        What to watch and where.
    views : iterable of FeatureView
        Feature views beside those of the settings.
    references : mapping of str to (str, ReferenceTable), optional
        Normal operation that the settings name, by stream, and the file that it is from.
    skip : collection of (TP, int)
        Batches on Kafka, by their first offset, that are left out if they cannot be read.

    Raises
    ------
    SettingsError
        If two streams read the same topic or one reads what a worker writes, no server is named, or a feature view cannot be
        made.
    """

    def __init__(
        self,
        settings: Settings,
        views: Iterable[FeatureView] = (),
        references: Mapping[str, tuple[str, ReferenceTable]] | None = None,
        skip: Collection[tuple[TP, int]] = (),
    ) -> None:
        if not settings.kafka.servers:
            raise SettingsError("no broker: set STREAMGAUGE_KAFKA=HOST:PORT, or kafka in streamgauge.toml")
        if not settings.redis.url.get_secret_value():
            raise SettingsError(
                "no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or redis in streamgauge.toml"
            )
        self.settings = settings
        self.topics = Topics(settings.prefix)
        self.metrics = Metrics()
        self.ready = asyncio.Event()
        """Set while partitions are being read."""
        self._stop = asyncio.Event()
        self._began = False
        self._failure: BaseException | None = None
        self._outages: Outages | None = None
        self._reading: ReadingProgress | None = None
        self._watchdog: Watchdog | None = None
        self._outbox: Outbox | None = None
        self._streams = input_topics(settings)
        self._missing = MissingEvents(self._streams, self.metrics)
        self._sessions = session_configs(settings, views)
        self._references = references or {}
        self._skip = skip

    def stop(self) -> None:
        """Ask the worker to finish its batch, store it and end."""
        self._stop.set()

    def _halt(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self._stop.set()

    async def run(self, *, handle_signals: bool = True) -> None:
        """Work until `stop` is called or a signal comes.

        Parameters
        ----------
        handle_signals : bool
            Stop gracefully at SIGINT and SIGTERM.

        Raises
        ------
        StreamgaugeError
            What stopped it, if it was not asked to stop.
        """
        if handle_signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self.stop)
        work = asyncio.create_task(self._connect_and_work())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not self._began:
            # Nothing is in hand yet; a server that does not answer must not hold up the end.
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        if self._failure is not None:
            if isinstance(self._failure, StreamgaugeError):
                raise self._failure
            raise StreamgaugeError(f"the worker stopped: {self._failure!r}") from self._failure

    async def _connect_and_work(self) -> None:
        _calm_garbage_collection()
        async with contextlib.AsyncExitStack() as stack:
            kernels = asyncio.create_task(load_kernels(self.settings))
            stack.callback(kernels.cancel)
            store = await connect(self.settings.redis, retries=_STORE_RETRIES)
            stack.push_async_callback(store.close)
            datadir = stack.enter_context(tempfile.TemporaryDirectory(prefix="streamgauge-"))
            app = make_app(self.settings, datadir)
            outages = self._outages = Outages(lambda: self._stop.is_set() or app.rebalancing, self.metrics)
            offsets = PartitionOffsets(self.settings.kafka, timeout=REQUEST_SECONDS)
            stack.push_async_callback(offsets.close)
            # Before topics are made: settings of which no monitor can be made leave nothing behind.
            partitions = self._partitions(app, store, offsets)
            await self._check_topics()
            await Ownership(store).take(await deployment_reads(self.settings))
            await self._register_views(store)
            producer = await start_producer(self.settings.kafka)
            stack.push_async_callback(lambda: _end("Kafka's producer", producer.stop()))
            outbox = Outbox(
                OutboxStore(store), producer, self.topics, partitions.claims, metrics=self.metrics
            )
            agents = self._agents(app, store, producer, partitions, outbox, outages)
            # Loaded beside all that waited for servers; before questions over HTTP take their share of the time.
            await kernels
            if self.settings.worker.metrics_port:
                stack.push_async_callback(await start_http(self, store))
            views = {
                topic: self._sessions[name].views
                for topic, name in self._streams.items()
                if name in self._sessions
            }
            freshness = FreshnessWatch(
                views, FreshnessStore(store), AlertWriter(store), partitions, outbox, metrics=self.metrics
            )
            self.metrics.set_budgets(self.settings)
            firing = FiringWatch(store, self.settings.streams, self.metrics)
            progress = ProgressLog(self._streams, self.metrics)
            for watch in (StoreMemoryWatch(store, self.metrics), firing, progress, partitions):
                stack.callback(asyncio.create_task(self._keep(watch.run)).cancel)
            await self._work(app, agents, partitions, outbox, outages, freshness)

    async def _check_topics(self) -> None:
        kafka, worker = self.settings.kafka, self.settings.worker
        wanted = dict.fromkeys(self._streams, worker.partitions) | dict.fromkeys(self._outputs, 1)
        await ensure_topics(
            kafka, wanted, create=worker.create_topics, kept={self.topics.audit}, note=self._tell_made
        )
        await check_group(kafka, worker.group, worker.session_timeout)
        await self._missing.check_policies(kafka)

    def _tell_made(self, topic: str, nearest: str | None) -> None:
        if topic in self._streams:
            _log.warning("the topic of a stream was not there, and is made", topic=topic, nearest=nearest)

    @property
    def _outputs(self) -> tuple[str, ...]:
        outputs = (*self.topics.all_alerts(), self.topics.dead_letters, self.topics.audit)
        own = (kind_of(stream).outputs(self.topics) for stream in self.settings.streams.values())
        return tuple(dict.fromkeys((*outputs, *chain.from_iterable(own))))

    async def _register_views(self, store: Store) -> None:
        registry = ViewRegistry(store)
        for view in chain.from_iterable(config.views for config in self._sessions.values()):
            await registry.register(view, now=time.time())

    def _partitions(self, app: Any, store: Store, offsets: PartitionOffsets) -> Partitions:
        return make_partitions(
            self.settings,
            self._streams,
            self._sessions,
            store,
            references=self._references,
            metrics=self.metrics,
            logs=offsets,
            generation=lambda: app.consumer_generation_id,
        )

    def _agents(
        self,
        app: Any,
        store: Store,
        producer: Any,
        partitions: Partitions,
        outbox: Outbox,
        outages: Outages,
    ) -> list[StreamAgent[Any]]:
        delivery = app.transport = BatchTransport(
            app,
            topics=self._streams,
            positions=partitions,
            isolation_level=self.settings.kafka.isolation_level,
            skip=[
                t for t, name in self._streams.items() if self.settings.streams[name].on_bad_batch == "skip"
            ],
            skip_at=self._skip,
            on_missing=self._missing.note,
        )
        context = WorkerContext(
            self.settings,
            self._sessions,
            store,
            producer,
            partitions,
            outbox,
            outages,
            delivery,
            self.metrics,
            self._halt,
        )
        agents: list[StreamAgent[Any]] = []
        for topic, name in self._streams.items():
            agent = make_agent(name, topic, context)
            _register(app, topic, agent)
            agents.append(agent)

        async def revoked(_: Any, tps: set[TP], **__: Any) -> None:
            for agent in agents:
                await agent.revoke([tp for tp in tps if tp.topic == agent.topic])

        app.on_partitions_revoked.connect(revoked, weak=False)
        return agents

    def health(self) -> Health:
        """How the worker is now."""
        reading, watchdog, outbox = self._reading, self._watchdog, self._outbox
        if reading is None or watchdog is None or outbox is None or self._outages is None:
            return assess(started=False, away={}, consumer="starting", well=False, lag=0, sources=0)
        return assess(
            started=self.ready.is_set(),
            away=self._outages.away,
            consumer=watchdog.stuck or reading.describe(),
            well=watchdog.stuck is None and reading.settled,
            lag=reading.lag,
            sources=reading.sources,
            unpublished=outbox.backlog,
            failing_since=outbox.failing_since,
        )

    async def _work(
        self,
        app: Any,
        agents: list[StreamAgent[Any]],
        partitions: Partitions,
        outbox: Outbox,
        outages: Outages,
        freshness: FreshnessWatch,
    ) -> None:
        app.finalize()
        reading = ReadingProgress(app, agents, self.metrics)
        watchdog = self._watch(reading, partitions, outages)
        watching = publishing = judging = None
        keeping: list[asyncio.Task[None]] = []
        try:
            # Faust waits for its first partitions without a bound, also where Kafka refuses them or a topic is gone.
            watching = asyncio.create_task(self._watch_over(app, watchdog, reading))
            await app.start()
            self._began = True
            self._reading, self._watchdog, self._outbox = reading, watchdog, outbox
            publishing = asyncio.create_task(self._keep(outbox.run))
            judging = asyncio.create_task(self._keep(freshness.run))
            self.ready.set()
            _log.info("watching", topics=sorted(self._streams), group=self.settings.worker.group)
            keeping = [asyncio.create_task(agent.run()) for agent in agents]
            await self._stop.wait()
        finally:
            self.ready.clear()
            for task in (watching, judging, *keeping):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            claims = partitions.claims()
            for agent in agents:
                agent.close()
            for agent in agents:
                await agent.revoke(agent.owned())
            if not outages.away:
                await _end("publishing the last alerts", outbox.drain(claims))
            # Not before: what it has published and not removed yet would be published once more.
            if publishing is not None:
                publishing.cancel()
            await _end("Kafka's consumer", app.stop())

    def _check_membership(self, reading: ReadingProgress) -> None:
        error = reading.group_error()
        if error is not None:
            worker = self.settings.worker
            raise group_refusal(self.settings.kafka, worker.group, worker.session_timeout, error)

    async def _keep(self, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 nobody else would hear of it
            self._halt(error)

    def _watch(self, reading: ReadingProgress, partitions: Partitions, outages: Outages) -> Watchdog:
        # Not those that claims ask: questions wait for each other, and those of claims are given more time than the watchdog
        # has to see that Kafka is away. One that fails closes the connection, too: if it were shared, a partition without a
        # leader would hold up the looks at all the others again and again.
        offsets = PartitionOffsets(self.settings.kafka)
        return Watchdog(
            self._streams,
            self._outputs,
            offsets,
            reading,
            verify=partitions.verify,
            note_lives=partitions.note_lives,
            outages=outages,
            rebalance_timeout=self.settings.worker.session_timeout,
        )

    async def _watch_over(self, app: Any, watchdog: Watchdog, reading: ReadingProgress) -> None:
        """Measure, and halt the worker when Faust or the watchdog say that it can't go on."""
        looking = asyncio.create_task(watchdog.run())
        try:
            while not looking.done():
                if app.crashed:
                    reason = app.crash_reason
                    known = isinstance(reason, StreamgaugeError)
                    self._halt(reason if known else BrokerError(f"Kafka's client failed: {reason!r}"))
                self._check_membership(reading)
                reading.measure()
                await asyncio.wait((looking,), timeout=_TICK_SECONDS)
            await looking
        except Exception as error:  # noqa: BLE001 nobody else would hear of it
            self._halt(error)
        finally:
            looking.cancel()


async def _end(what: str, stopping: Coroutine[Any, Any, Any]) -> None:
    """Wait a little for something to end; without their broker Kafka's clients take minutes."""
    task = asyncio.ensure_future(stopping)
    done, _ = await asyncio.wait((task,), timeout=_STOP_SECONDS)
    if not done:
        _log.warning("does not end in time, left behind", what=what)
        task.cancel()
    elif task.exception() is not None:
        _log.warning("did not end well", what=what, reason=repr(task.exception()))


def _calm_garbage_collection() -> None:
    # Deliveries are tens of thousands of small objects without cycles, and at the default threshold the collector
    # looks through them again and again: a tenth of the worker's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _register(app: Any, topic: str, agent: StreamAgent[Any]) -> None:
    @app.agent(batched_topic(app, topic), name=f"watch.{topic}")  # type: ignore[untyped-decorator] # Faust's decorator has no types
    async def watch(stream: Any) -> None:
        async for batches in stream:
            await agent(batches)
