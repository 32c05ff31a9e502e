"""``streamgauge replay mqtt``: messages of an MQTT broker, as they come."""

import importlib.util
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from producers.progress import progress_for
from stream_app.cli.options import ConfigOption, KafkaOption, broker_of, changed_table, settings_of
from stream_app.cli.replay.options import (
    SOURCE,
    TARGET,
    PartitionsOption,
    QuietOption,
    SummaryOption,
)
from stream_app.cli.replay.run import INTERRUPTED, run_interruptibly, topic_of
from stream_app.cli.show import error_console
from stream_app.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from producers.mqtt import BridgeSummary

__all__ = ["EXAMPLES", "mqtt"]

EXAMPLES = """
Examples:

streamgauge replay mqtt "plant/+/flow" --mqtt mqtt://localhost

streamgauge replay mqtt "plant/#" --mqtt mqtts://broker.example --topic plant.raw --key-level 2
"""


def mqtt(
    filters: Annotated[
        list[str],
        typer.Argument(metavar="FILTER...", help="Topics in MQTT, with + and # as wildcards."),
    ],
    *,
    address: Annotated[
        str | None,
        typer.Option(
            "--mqtt",
            metavar="URL",
            help="mqtt://HOST:PORT or mqtts://HOST:PORT; by default STREAMGAUGE_MQTT, else the monitor file's.",
            rich_help_panel=SOURCE,
            show_default=False,
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the session at the broker; by default streamgauge- and the topic in Kafka.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="End after this many messages.", rich_help_panel=SOURCE)
    ] = None,
    kafka: KafkaOption = None,
    config: ConfigOption = None,
    topic: Annotated[
        str | None,
        typer.Option(
            help="Topic in Kafka; by default that of the monitor file's only stream of sensors, else sensor.readings.",
            rich_help_panel=TARGET,
        ),
    ] = None,
    key_level: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Level of the topic in MQTT, counted from 1, that names the source; it is the key in Kafka, "
            "so that events of a source keep their order. By default the whole topic.",
            rich_help_panel=TARGET,
        ),
    ] = None,
    partitions: PartitionsOption = None,
    as_json: SummaryOption = False,
    quiet: QuietOption = False,
) -> None:
    """Send messages of an MQTT broker on to Kafka, as they come.

    A message is acknowledged to its broker only after Kafka has it, so none is lost if this program is killed; some may
    come twice. Ctrl-C stops cleanly; the broker keeps what comes until the next start.
    """
    if importlib.util.find_spec("paho") is None:
        raise MissingExtraError("messages of MQTT need", "paho-mqtt", "mqtt")
    from producers.mqtt import Bridge, bridge  # noqa: PLC0415 only with the extra

    settings = settings_of(config, kafka=kafka)
    where = settings.mqtt
    if address is not None:
        where = changed_table(where, "--mqtt", url=address)
    if client_id is not None:
        where = changed_table(where, "--client-id", client_id=client_id)
    if not where.url:
        raise typer.BadParameter(
            "no MQTT broker: set STREAMGAUGE_MQTT=mqtt://HOST:PORT, or mqtt in streamgauge.toml, or --mqtt"
        )
    try:
        servers = broker_of(settings)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    plan = Bridge(
        mqtt=where,
        filters=filters,
        kafka=servers,
        topic=topic or topic_of("sensors", settings),
        partitions=partitions,
        key_level=key_level,
        limit=limit,
    )
    progress = progress_for(error_console, "sending on from MQTT", quiet=quiet)
    summary = run_interruptibly(lambda stop: bridge(plan, progress=progress, stop=stop), progress)
    if as_json:
        typer.echo(msgspec.json.encode(asdict(summary)).decode())
    elif not quiet:
        typer.echo(_sentence(summary))
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)


def _sentence(summary: "BridgeSummary") -> str:
    left = "".join(f"\nleft out {count:,}: {reason}" for reason, count in summary.left_out.items())
    again = f", {summary.repeated:,} of them sent again by the broker" if summary.repeated else ""
    return (
        f"{'interrupted: ' if summary.interrupted else ''}sent {summary.messages:,} messages{again} into "
        f"{summary.topic} ({summary.partitions} partitions) in {summary.seconds:.1f} s; "
        f"{summary.reconnects} reconnects{left}"
    )
