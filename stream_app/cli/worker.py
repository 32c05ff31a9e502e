"""``streamgauge worker``."""

from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, KafkaOption, RedisOption, settings_of
from stream_app.errors import SettingsError

if TYPE_CHECKING:
    from faust.types import TP

    from stream_app.core.reference import ReferenceTable

__all__ = ["worker"]

_log = structlog.get_logger(__name__)


def worker(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    *,
    skip_batch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC/PARTITION/OFFSET",
            help="Leave out a batch that cannot be read, by its first offset, and write a dead letter about it.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what Faust and aiokafka log too.")
    ] = False,
) -> None:
    """Watch the streams of the monitor file until stopped.

    Reads events from Kafka, keeps windows and detectors, writes alerts and live features to Redis and alerts
    to the alert topics. Ctrl-C or SIGTERM finishes the batch in hand, stores it and leaves. Several workers of one
    group share the partitions.
    """
    configure_logging(verbose=verbose)
    settings = settings_of(config, kafka, redis)
    # It takes a second: help does not wait for it.
    from stream_app.runtime.worker import Worker  # noqa: PLC0415 as above

    skip = [_place(text) for text in skip_batch or ()]
    references: dict[str, tuple[str, ReferenceTable]] = {}
    if any(getattr(stream, "reference", None) is not None for stream in settings.streams.values()):
        from stream_app.cli.reference.files import settings_references  # noqa: PLC0415 few streams have one

        references = settings_references(settings)

    async def work() -> None:
        await Worker(settings, references=references, skip=skip).run()
        _log.info("stopped")

    run(work())


def _place(text: str) -> "tuple[TP, int]":
    """Read where a batch is.

    Examples
    --------
    >>> _place("sensor.readings/0/17")
    (TP(topic='sensor.readings', partition=0), 17)
    """
    match text.split("/"):
        case [topic, partition, offset] if topic and partition.isdecimal() and offset.isdecimal():
            from faust.types import TP  # noqa: PLC0415 it takes a second: help does not wait for it

            return TP(topic, int(partition)), int(offset)
    raise SettingsError(f"--skip-batch {text}: write it as the error has it, TOPIC/PARTITION/OFFSET")
