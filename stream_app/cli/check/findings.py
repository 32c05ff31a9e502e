"""What is looked at before a worker runs, and what was found."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from stream_app.cli.check.finding import Finding
from stream_app.cli.check.topics import topic_findings
from stream_app.cli.options import settings_of
from stream_app.cli.reference.files import stream_reference
from stream_app.core.registry import detector_type
from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.events import Topics
from stream_app.kafka import check_group, ensure_topics
from stream_app.kafka.cleanup import check_cleanup
from stream_app.kinds import input_topic, input_topics, kind_of
from stream_app.kinds.references import referring_streams
from stream_app.runtime.deployment import deployment_reads
from stream_app.runtime.store_memory import NEARLY_FULL
from stream_app.runtime.worker import Worker
from stream_app.settings import DetectorSettings, Settings
from stream_app.settings.table import Table
from stream_app.store import Ownership, connect
from stream_app.testing.detectors import examine_detector

__all__ = ["find"]

_PATIENCE_SECONDS = 15.0


async def find(config: Path | None, kafka: str | None, redis: str | None) -> list[Finding]:
    """Look at the settings, the broker and the store.

    Parameters
    ----------
    config, kafka, redis
        As the options of a command say them.
    """
    try:
        settings = settings_of(config, kafka, redis)
    except StreamgaugeError as error:
        return [Finding("settings", ok=False, problem=line) for line in str(error).splitlines()]
    streams, broker = [*_streams(settings), *await _routes(settings)], await _kafka(settings)
    well = broker.ok and all(each.ok for each in streams)
    topics = await _topics(settings) if well else []
    return [*streams, broker, *topics, await _redis(settings, owned=well)]


def _check_reference(name: str, settings: Settings) -> None:
    """See that the file of a reference can be read, and that detectors can learn from it."""
    stream = referring_streams(settings).get(name)
    if stream is not None and stream.reference is not None:
        stream_reference(settings, name, stream.reference)


def _streams(settings: Settings) -> list[Finding]:
    problems = []
    for name, stream in settings.streams.items():
        try:
            kind_of(stream).check(name, stream)
            _check_detectors(name, stream)
            _check_reference(name, settings)
        except StreamgaugeError as error:
            problems.append(str(error))
    about = ""
    try:
        about = ", ".join(f"{name} from {topic}" for topic, name in input_topics(settings).items())
        if settings.kafka.servers and settings.redis.url.get_secret_value():
            Worker(settings)
    except StreamgaugeError as error:
        problems.append(str(error))
    if problems:
        return [Finding("settings", ok=False, problem=problem) for problem in problems]
    return [Finding("settings", ok=True, about=about)]


def _check_detectors(name: str, stream: Table) -> None:
    """Run the checks of the detectors from outside; ours and River's passed them before they were shipped."""
    detectors: Iterable[DetectorSettings] = getattr(stream, "detectors", None) or ()
    for detector in detectors:
        known = detector_type(detector.name)
        if known.origin in {"Streamgauge", "River"}:
            continue
        # With parameters of the user's choice it need not see every change.
        report = examine_detector(known, detector.parameters, finds_changes=False)
        if report.failed:
            raise SettingsError(
                f"streams.{name}.detectors: {detector.name} fails {len(report.failed)} of the checks, such as "
                f"{report.failed[0]}: {report.problems[report.failed[0]]}; repair it: streamgauge detectors --check "
                f"{detector.name} lists them all"
            )


async def _routes(settings: Settings) -> list[Finding]:
    """Look at templates and channels, each by itself; nothing is sent."""
    if not settings.routes:
        return []
    try:
        from stream_app.routes.route import routes_of, sample  # noqa: PLC0415 an extra, for who has routes

        routes = routes_of(settings)
    except StreamgaugeError as error:
        return [Finding("routes", ok=False, problem=str(error))]
    problems = []
    for route in routes:
        try:
            route.renderer.check(sample(route, at=0.0, key="0"))
            await route.open().close()
        except StreamgaugeError as error:
            problems.append(str(error))
    if problems:
        return [Finding("routes", ok=False, problem=problem) for problem in problems]
    return [Finding("routes", ok=True, about=", ".join(settings.routes))]


async def _kafka(settings: Settings) -> Finding:
    if not settings.kafka.servers:
        return Finding("Kafka", ok=False, problem="no broker is named: set STREAMGAUGE_KAFKA=HOST:PORT")
    topics = {input_topic(stream, Topics(settings.prefix)): 1 for stream in settings.streams.values()}
    wanted = {} if settings.worker.create_topics else topics
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await ensure_topics(settings.kafka, wanted, create=False)
            await check_cleanup(settings.kafka, topics)
            await check_group(settings.kafka, settings.worker.group, settings.worker.session_timeout)
    except StreamgaugeError as error:
        return Finding("Kafka", ok=False, problem=str(error))
    except TimeoutError:
        problem = f"Kafka at {settings.kafka.bootstrap} does not answer within {_PATIENCE_SECONDS:.0f} s"
        return Finding("Kafka", ok=False, problem=problem)
    return Finding("Kafka", ok=True, about=settings.kafka.bootstrap)


async def _topics(settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS + len(settings.streams)):
            return await topic_findings(settings)
    except StreamgaugeError as error:
        return [Finding("topic", ok=False, problem=str(error))]
    except TimeoutError:
        problem = f"Kafka at {settings.kafka.bootstrap} does not show events within {_PATIENCE_SECONDS:.0f} s"
        return [Finding("topic", ok=False, problem=problem)]


async def _redis(settings: Settings, *, owned: bool) -> Finding:
    """Look at the store; with `owned`, whether its keys are of this deployment: what it reads is then known."""
    if not settings.redis.url.get_secret_value():
        problem = "no store is named: set STREAMGAUGE_REDIS=redis://HOST:PORT/0"
        return Finding("Redis", ok=False, problem=problem)
    try:
        store = await connect(settings.redis, retries=1)
        try:
            async with store.errors("looking at its memory"):
                memory = await store.client.info("memory")
            if owned:
                await Ownership(store).check(await deployment_reads(settings))
        finally:
            await store.close()
    except StreamgaugeError as error:
        return Finding("Redis", ok=False, problem=str(error))
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        problem = f"maxmemory-policy is {policy}: state could be evicted silently; set it to noeviction"
        return Finding("Redis", ok=False, problem=problem)
    used, limit = memory["used_memory"], memory.get("maxmemory", 0)
    if limit and used >= NEARLY_FULL * limit:
        problem = f"{used / limit:.0%} of maxmemory is in use; raise it, or lower redis.max_bytes: a full Redis stops all workers"
        return Finding("Redis", ok=False, problem=problem)
    return Finding("Redis", ok=True, about=settings.redis.shown)
