"""``streamgauge notify``."""

import asyncio
import signal
from typing import Annotated

import structlog
import typer

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import (
    ConfigOption,
    KafkaOption,
    RedisOption,
    broker_of,
    changed_table,
    settings_of,
)
from stream_app.errors import SettingsError

__all__ = ["notify"]

_log = structlog.get_logger(__name__)


def notify(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_535,
            help="Port of /livez, /readyz, /healthz and /metrics, on worker.http_host; 0 is off.",
        ),
    ] = 0,
) -> None:
    """Tell alerts to people, by the routes of the monitor file, until stopped.

    Each message arrives at least once, and has the same key when it comes again. What is told and what was told is kept in Redis: after a
    crash the next notifier goes on. Several share the routes.
    """
    configure_logging()
    settings = settings_of(config, kafka, redis)
    # That of the monitor file is the worker's own.
    served = changed_table(settings.worker, "--port", metrics_port=port)
    settings = settings.model_copy(update={"worker": served})
    broker_of(settings)
    if not settings.redis.url.get_secret_value():
        raise SettingsError(
            "no store: set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or redis in streamgauge.toml"
        )
    from stream_app.routes.notifier import notify as work  # noqa: PLC0415 it takes a second: help does not wait for it

    async def until_stopped() -> None:
        task = asyncio.ensure_future(work(settings))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            _log.info("stopped")

    run(until_stopped())
