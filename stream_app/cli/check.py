"""``streamgauge check``: is everything right, before a worker runs."""

import asyncio
import json as json_module
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.text import Text

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, KafkaOption, RedisOption, settings_of
from stream_app.cli.show import console, printable
from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.events import Topics
from stream_app.kafka import check_group, ensure_topics
from stream_app.runtime.configuration import input_topic, monitor_config, session_config
from stream_app.runtime.prediction_configuration import prediction_config
from stream_app.runtime.worker import Worker
from stream_app.settings import PredictionStream, SensorStream, Settings
from stream_app.store import connect

__all__ = ["check"]

_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, and what is wrong with it, if anything."""

    check: str
    ok: bool
    about: str = ""
    problem: str | None = None


def check(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Validate the monitor file and reach the servers; say what is wrong in one line each."""
    configure_logging(quiet=True)
    findings = run(_check(config, kafka, redis))
    for finding in findings:
        if json:
            typer.echo(json_module.dumps(asdict(finding)))
        else:
            mark = ("ok   ", "green") if finding.ok else ("wrong", "red")
            told = printable(finding.about if finding.problem is None else finding.problem)
            console.print(Text.assemble(mark, f" {finding.check:8} ", told), soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _check(config: Path | None, kafka: str | None, redis: str | None) -> list[Finding]:
    try:
        settings = settings_of(config, kafka, redis)
    except SettingsError as error:
        return [Finding("settings", ok=False, problem=line) for line in str(error).splitlines()]
    return [*_streams(settings), await _kafka(settings), await _redis(settings)]


def _streams(settings: Settings) -> list[Finding]:
    problems = []
    for name, stream in settings.streams.items():
        try:
            if isinstance(stream, SensorStream):
                monitor_config(name, stream)
            elif isinstance(stream, PredictionStream):
                prediction_config(name, stream)
            else:
                session_config(name, stream)
        except StreamgaugeError as error:
            problems.append(str(error))
    if settings.kafka.servers and settings.redis.url.get_secret_value():
        try:
            Worker(settings)
        except StreamgaugeError as error:
            problems.append(str(error))
    if problems:
        return [Finding("settings", ok=False, problem=problem) for problem in problems]
    topics = Topics(settings.prefix)
    streams = [f"{name} from {input_topic(stream, topics)}" for name, stream in settings.streams.items()]
    return [Finding("settings", ok=True, about=", ".join(streams))]


async def _kafka(settings: Settings) -> Finding:
    if not settings.kafka.servers:
        return Finding("Kafka", ok=False, problem="no broker is named: set STREAMGAUGE_KAFKA=HOST:PORT")
    topics = {input_topic(stream, Topics(settings.prefix)): 1 for stream in settings.streams.values()}
    wanted = {} if settings.worker.create_topics else topics
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await ensure_topics(settings.kafka, wanted, create=False)
            await check_group(settings.kafka, settings.worker.group)
    except StreamgaugeError as error:
        return Finding("Kafka", ok=False, problem=str(error))
    except TimeoutError:
        problem = f"Kafka at {settings.kafka.bootstrap} does not answer within {_PATIENCE_SECONDS:.0f} s"
        return Finding("Kafka", ok=False, problem=problem)
    return Finding("Kafka", ok=True, about=settings.kafka.bootstrap)


async def _redis(settings: Settings) -> Finding:
    if not settings.redis.url.get_secret_value():
        problem = "no store is named: set STREAMGAUGE_REDIS=redis://HOST:PORT/0"
        return Finding("Redis", ok=False, problem=problem)
    try:
        store = await connect(settings.redis, retries=1)
        try:
            async with store.errors("looking at its memory"):
                memory = await store.client.info("memory")
        finally:
            await store.close()
    except StreamgaugeError as error:
        return Finding("Redis", ok=False, problem=str(error))
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        problem = f"maxmemory-policy is {policy}: state could be evicted silently; set it to noeviction"
        return Finding("Redis", ok=False, problem=problem)
    return Finding("Redis", ok=True, about=settings.redis.shown)
