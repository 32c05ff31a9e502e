"""``streamgauge check``: is everything right, before a worker runs."""

import asyncio
import json as json_module

import typer

from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, KafkaOption, RedisOption, settings_of
from stream_app.cli.show import console
from stream_app.errors import StreamgaugeError
from stream_app.events import Topics
from stream_app.kafka import ensure_topics
from stream_app.runtime.configuration import monitor_config
from stream_app.runtime.worker import input_topic
from stream_app.settings import Settings
from stream_app.store import connect

__all__ = ["check"]

_PATIENCE_SECONDS = 15.0


def check(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Validate the monitor file and reach the servers; say what is wrong in one line each."""
    settings = settings_of(config, kafka, redis)
    results = run(_check(settings))
    for name, problem in results:
        if json:
            typer.echo(json_module.dumps({"check": name, "ok": problem is None, "problem": problem}))
        else:
            mark = "[green]ok[/green]   " if problem is None else "[red]wrong[/red]"
            console.print(f"{mark} {name}{'' if problem is None else f': {problem}'}", soft_wrap=True)
    if any(problem for _, problem in results):
        raise typer.Exit(1)


async def _check(settings: Settings) -> list[tuple[str, str | None]]:
    results: list[tuple[str, str | None]] = [("settings", _streams(settings))]
    results.append(("Kafka", await _kafka(settings)))
    results.append(("Redis", await _redis(settings)))
    return results


def _streams(settings: Settings) -> str | None:
    try:
        for name, stream in settings.streams.items():
            monitor_config(name, stream)
    except StreamgaugeError as error:
        return str(error)
    return None


async def _kafka(settings: Settings) -> str | None:
    if not settings.kafka.servers:
        return "no broker is named: set STREAMGAUGE_KAFKA=HOST:PORT"
    topics = {input_topic(stream, Topics(settings.prefix)): 1 for stream in settings.streams.values()}
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await ensure_topics(settings.kafka, {} if settings.worker.create_topics else topics, create=False)
    except StreamgaugeError as error:
        return str(error)
    except TimeoutError:
        return f"Kafka at {settings.kafka.bootstrap} does not answer within {_PATIENCE_SECONDS:.0f} s"
    return None


async def _redis(settings: Settings) -> str | None:
    if not settings.redis.url.get_secret_value():
        return "no store is named: set STREAMGAUGE_REDIS=redis://HOST:PORT/0"
    try:
        store = await connect(settings.redis, retries=1)
        try:
            async with store.errors("looking at its settings"):
                policy = (await store.client.config_get("maxmemory-policy")).get(
                    "maxmemory-policy", "noeviction"
                )
        finally:
            await store.close()
    except StreamgaugeError as error:
        return str(error)
    if policy != "noeviction":
        return f"maxmemory-policy is {policy}: state could be evicted silently; set it to noeviction"
    return None
