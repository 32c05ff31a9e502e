"""The demo from start to end."""

import asyncio
import contextlib
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

from rich.markup import escape

from producers.connection import ensure_topics
from producers.images.source import CAMERA
from producers.pacing import Pace
from producers.passes import after
from producers.replay import Replay
from producers.replay import run as run_replay
from producers.sources import Simulated, WaterFlow
from producers.water_loop import Fault, WaterLoop
from stream_app.cli.dashboard import dashboard_server
from stream_app.cli.demo.digits import (
    IMAGE_STREAMS,
    MODEL,
    cause,
    digits_later,
    digits_replay,
    digits_table,
    findings,
)
from stream_app.cli.demo.judging import UNKNOWN, Part, cause_in, judge
from stream_app.cli.demo.screen import Replaying, Screen, alerts_table, faults_table, replays_table
from stream_app.cli.features import features_table
from stream_app.cli.show import console
from stream_app.embedded import EmbeddedBroker, EmbeddedStore, free_port
from stream_app.errors import MissingExtraError, StreamgaugeError
from stream_app.events import Topics
from stream_app.kinds import input_topics
from stream_app.runtime.worker import Worker
from stream_app.settings import (
    DashboardSettings,
    KafkaSettings,
    RedisSettings,
    SensorStream,
    Settings,
    WorkerSettings,
)
from stream_app.store import AlertReader, FeatureReader, Store, connect

__all__ = ["EVENTS", "FAULTS", "play"]

FAULTS = (
    Fault("valve_closing", start=3600.0, duration=600.0),
    Fault("cavitation", start=7200.0, duration=600.0),
    Fault("sensor_stuck", start=10_800.0, duration=600.0, channel="pressure"),
)
EVENTS = 14_400
SPEED = 400.0
WATERFLOW_RATE = 36.0
BURST_PUMPS = 16
BURST_EVENTS = 64_000
_PATIENCE_SECONDS = 60.0
_SHOWN_STATISTICS = ("mean", "std", "min", "max", "last", "slope")
_WATERFLOW = SensorStream(
    topic="waterflow.readings",
    budget="1 per month",
    window=86_400.0,
    # More than its longest gap, 32 hours: after that in a moment of the replay, readings would be taken for those of a wrong clock.
    lateness=2 * 86_400.0,
    cooldown=86_400.0,
    resolve_after=86_400.0,
)


async def play(*, serve: bool, seed: int) -> None:
    """Run the demo.

    Parameters
    ----------
    serve : bool
        Go on afterwards until interrupted.
    seed : int
        Of the simulated water loops.

    Raises
    ------
    StreamgaugeError
        If a fault was missed.
    """
    begin = time.monotonic()
    task = asyncio.current_task()
    if task is not None:
        # Python would end at once and leave the servers running.
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with contextlib.AsyncExitStack() as stack:
        broker, redis = EmbeddedBroker(), EmbeddedStore()
        stack.callback(broker.stop)
        stack.callback(redis.stop)
        settings = _settings(broker.start(), redis.start())
        console.print(f"Broker on {settings.kafka.bootstrap}, store on {settings.redis.shown}.")
        with console.status(f"Filling the topic with {BURST_EVENTS:,} events of {BURST_PUMPS} pumps"):
            await _fill(settings, seed)
        # Before the worker starts: it takes seconds, in which a worker in this loop could not say that it is alive.
        digits = _digits(settings, seed)
        async with _working(settings) as worker, _store(settings) as store:
            with console.status("The worker catches up"):
                rate = await _catch_up(worker)
            console.print(
                f"Caught up on {BURST_EVENTS:,} events of {BURST_PUMPS} pumps that were waiting: "
                f"[bold]{rate:,.0f} events a second[/bold] from Kafka to Redis."
            )
            if serve:
                await stack.enter_async_context(_dashboard(settings))
            missed = await _show(settings, worker, store, digits, seed)
            console.print(f"\nDone in {time.monotonic() - begin:.0f} s.")
            if serve:
                await _serve(settings, digits, seed)
    if missed:
        raise StreamgaugeError(f"missed: {', '.join(missed)}; please report this with the output above")


def _settings(kafka: str, redis: str) -> Settings:
    # Constructed, not read: the environment may name servers that are in use, where the demo has no business.
    return Settings.model_construct(
        kafka=KafkaSettings(bootstrap=kafka),
        redis=RedisSettings.model_validate({"url": redis}),
        prefix="",
        streams={
            "sensors": SensorStream(),
            "waterflow": _WATERFLOW,
            **IMAGE_STREAMS,
        },
        worker=WorkerSettings(group="demo", session_timeout=10.0),
        dashboard=DashboardSettings(port=_dashboard_port()),
    )


def _dashboard_port() -> int:
    """Return the usual port, or a free one where another program listens there."""
    usual = DashboardSettings().port
    with socket.socket() as probe:
        return free_port() if probe.connect_ex(("127.0.0.1", usual)) == 0 else usual


async def _fill(settings: Settings, seed: int) -> None:
    # All topics at once: a worker warns of those that it has to make.
    await ensure_topics(settings.kafka, dict.fromkeys(input_topics(settings)))
    source = Simulated(WaterLoop(), seed + 2, pumps=BURST_PUMPS, name="burst", events=BURST_EVENTS)
    await run_replay(Replay(source, settings.kafka, (Topics(settings.prefix).sensors,)))


async def _catch_up(worker: Worker) -> float:
    # From the assignment on: the first delivery, in which most is learned, counts too.
    begin, first = time.perf_counter(), worker.metrics.processed()
    await _processed(worker, BURST_EVENTS)
    return (BURST_EVENTS - first) / (time.perf_counter() - begin)


async def _show(
    settings: Settings, worker: Worker, store: Store, digits: Replay | None, seed: int
) -> list[str]:
    replays = _replays(settings, seed)
    if digits is not None:
        replays["digits, camera fails"] = digits
    progress = [Replaying(title) for title in replays]
    with Screen(console, progress) as screen:
        following = asyncio.create_task(_follow(store, screen))
        try:
            await asyncio.gather(
                *(run_replay(r, progress=p) for r, p in zip(replays.values(), progress, strict=True))
            )
            await _processed(worker, BURST_EVENTS + sum(p.done for p in progress))
            alerts = await AlertReader(store).recent(5000)
        finally:
            following.cancel()
    parts = _parts(progress)
    console.print()
    console.print(alerts_table(parts, alerts))
    console.print()
    console.print(replays_table(parts, alerts))
    console.print()
    verdicts = judge(alerts, FAULTS, source="pump-1", start=WaterLoop().start)
    console.print(faults_table(verdicts))
    found = findings(alerts) if digits is not None else []
    if digits is not None:
        console.print()
        console.print(digits_table(found))
    row = await FeatureReader(store, "sensors").get("pump-1")
    if row is not None:
        console.print("\n[bold]Live features of pump-1[/bold] (over the last 60 s of its events)")
        console.print(features_table(row, _SHOWN_STATISTICS))
    missed = [verdict.fault.name for verdict in verdicts if verdict.alert is None]
    return missed + [finding.name for finding in found if finding.alert is None]


def _parts(progress: Sequence[Replaying]) -> list[Part]:
    """Return what was replayed, in the order of the replays, and before them what was waiting."""
    burst = Simulated(WaterLoop(), 0, pumps=BURST_PUMPS, name="burst")
    healthy = cause_in((), 0.0)
    of_replays = (
        (("pump-1",), cause_in(FAULTS, WaterLoop().start)),
        (("pump-2",), healthy),
        (("waterflow",), lambda _: UNKNOWN),
        ((CAMERA, MODEL), cause),
    )
    return [
        Part(f"{BURST_PUMPS} waiting pumps, healthy", BURST_EVENTS, burst.names, healthy),
        # Without the part on images there is one replay less.
        *(Part(done.title, done.done, *each) for done, each in zip(progress, of_replays, strict=False)),
    ]


def _replays(settings: Settings, seed: int) -> dict[str, Replay]:
    paced = Pace(speed=SPEED)
    faulty = Simulated(WaterLoop(), seed, FAULTS, name="pump-1", events=EVENTS)
    healthy = Simulated(WaterLoop(), seed + 1, name="pump-2", events=EVENTS)
    topics = (Topics(settings.prefix).sensors,)
    waterflow = (str(_WATERFLOW.topic),)
    return {
        "pump-1, three faults": Replay(faulty, settings.kafka, topics, pace=paced),
        "pump-2, healthy": Replay(healthy, settings.kafka, topics, pace=paced),
        "WaterFlow, hourly": Replay(WaterFlow(), settings.kafka, waterflow, pace=Pace(rate=WATERFLOW_RATE)),
    }


def _digits(settings: Settings, seed: int) -> Replay | None:
    """Make the replay of images where the packages for it are installed; say what is missing where they are not."""
    try:
        with tempfile.TemporaryDirectory() as folder, console.status("A model learns digits"):
            return digits_replay(settings, Path(folder) / "digits.skops", seed)
    except MissingExtraError as error:
        console.print(f"Without the part on images and predictions: {escape(str(error))}")
        return None


@contextlib.asynccontextmanager
async def _dashboard(settings: Settings) -> AsyncIterator[None]:
    """Serve the pages where the packages for them are installed; say what is missing where they are not."""
    try:
        server = dashboard_server()
    except MissingExtraError as error:
        console.print(f"Without the dashboard: {escape(str(error))}")
        yield
        return
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(settings, actions=True, ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()
    console.print(f"[bold]Dashboard on {settings.dashboard.address}[/bold]")
    try:
        yield
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def _serve(settings: Settings, digits: Replay | None, seed: int) -> None:
    redis = settings.redis.url.get_secret_value()
    console.print(
        "\nStill running: two pumps in real time, one with a fault every ten minutes"
        + ("." if digits is None else ", and the camera, mended, whose level is set on its page.")
        + " In another terminal:"
    )
    console.print(f"  export STREAMGAUGE_REDIS={redis} STREAMGAUGE_KAFKA={settings.kafka.bootstrap}")
    for command in (
        "streamgauge alerts tail",
        "streamgauge alerts list --all",
        "streamgauge features get pump-1 --view sensors",
        "streamgauge features list --view sensors",
    ):
        console.print(f"  {command}")
    console.print("Ctrl-C ends it.")
    later = (Fault("cavitation", start=EVENTS + 600.0 * (k + 1), duration=120.0) for k in range(6))
    pumps = [
        Simulated(WaterLoop(), seed, (*FAULTS, *later), name="pump-1"),
        Simulated(WaterLoop(), seed + 1, name="pump-2"),
    ]
    topics = (Topics(settings.prefix).sensors,)
    replays = [
        Replay(pump, settings.kafka, topics, pace=Pace(speed=1.0), change=lambda: partial(after, EVENTS))
        for pump in pumps
    ]
    if digits is not None:
        replays.append(digits_later(digits, seed))
    await asyncio.gather(*(run_replay(replay) for replay in replays))


@contextlib.asynccontextmanager
async def _working(settings: Settings) -> AsyncIterator[Worker]:
    worker = Worker(settings)
    task = asyncio.create_task(worker.run(handle_signals=False))
    ready = asyncio.create_task(worker.ready.wait())
    try:
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED, timeout=_PATIENCE_SECONDS)
        if task.done():
            task.result()
        yield worker
    finally:
        ready.cancel()
        worker.stop()
        await task


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = await connect(settings.redis)
    try:
        yield store
    finally:
        await store.close()


async def _follow(store: Store, screen: Screen) -> None:
    async for alert in AlertReader(store).follow("0", block_ms=200):
        if alert is not None:
            screen.tell(alert)


async def _processed(worker: Worker, events: float) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while worker.metrics.processed() < events:
        if time.monotonic() > deadline:
            raise StreamgaugeError(
                f"the worker has processed {worker.metrics.processed():.0f} of {events:.0f} events "
                f"and no more for {_PATIENCE_SECONDS:.0f} s"
            )
        await asyncio.sleep(0.05)
