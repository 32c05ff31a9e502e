"""The options of ``streamgauge init``, and what is written."""

from glob import has_magic
from pathlib import Path
from typing import Annotated

import typer

from stream_app.backtesting.look import TableLook
from stream_app.backtesting.proposal import (
    Setting,
    command_line,
    monitor_file,
    propose,
    propose_budget,
    toml_value,
)
from stream_app.backtesting.show import duration
from stream_app.cli.file_columns import PeriodOption, TableOptions, TruthOptions
from stream_app.cli.init.platform import PlatformLook
from stream_app.cli.init.topic import TopicLook, look_into_topic
from stream_app.cli.look import look_notes, looks_of, said_options
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, KafkaOption, settings_of
from stream_app.errors import DataError, SettingsError
from stream_app.replacing import replacing
from stream_app.settings import SensorStream, load_settings
from stream_app.tables.columns import listed

__all__ = ["EXAMPLES", "init"]

EXAMPLES = """
Examples:

streamgauge init plant.csv

streamgauge init plant.csv --source-column pump --stream pumps --out pumps.toml

streamgauge init site.telemetry --kafka localhost:9092
"""

_OUT = Path("streamgauge.toml")

_REASONS = {
    "each": "most messages have an array of objects with numbers here: an element is an event",
    "channel": "texts that name what the one number of an event is",
}


def init(
    context: typer.Context,
    path: Annotated[
        str, typer.Argument(metavar="FILE|TOPIC", help="File of readings, or topic of Kafka with them.")
    ],
    *,
    table: TableOptions,
    truth: TruthOptions,
    period: PeriodOption = None,
    stream: Annotated[str, typer.Option(metavar="NAME", help="Name of the stream.")] = "sensors",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Monitor file to write.")] = _OUT,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
) -> None:
    """Write a monitor file for a file or a topic, with the reason of each setting.

    Of a file, channels, units, warm-up and budget are those that fit the rows, which are read as by look. Of a topic, the newest
    events say where time, source and values are in a message; --time-column, --source-column and --channels name them.
    """
    if out.exists() and not force:
        raise SettingsError(f"{out} is there; --force overwrites it, --out names another")
    if Path(path).exists() or has_magic(path):
        said = said_options(context, without=("stream", "out", "force", "config", "kafka"))
        looks = list(looks_of([path], table.columns(period=period), truth))
        if len(looks) != 1:
            raise DataError(f"{path}: {len(looks)} files; name the one that shows the stream best")
        said += ["--stream", stream, *([] if out == _OUT else ["--config", str(out)])]
        text, then = _of_file(looks[0], path, stream, said)
    else:
        # A monitor file that is to be replaced says nothing of the broker to come.
        settings = settings_of(config, kafka)
        if not settings.kafka.servers:
            raise SettingsError(
                f"{path}: no such file; of a topic, say where Kafka is: --kafka HOST:PORT, or STREAMGAUGE_KAFKA"
            )
        columns = table.columns(period=period)
        found = run(
            look_into_topic(
                path, settings.kafka, time=columns.time, source=columns.source, channels=columns.channels
            )
        )
        text, then = _of_topic(found, stream, kafka), "streamgauge check"
        then += "" if out == _OUT else f" --config {out}"
    _write(out, text)
    typer.echo(f"written: {out}\ntry it:  {then}")


def _of_file(look: TableLook, path: str, stream: str, said: list[str]) -> tuple[str, str]:
    """Return the text of the monitor file, and the command that tries it."""
    proposal = propose(look)
    command = command_line(proposal, path, said)
    left = [f"{name} ({cell!r})" if cell else name for name, cell in look.understood.left_out.items()]
    every = "" if look.period is None else f", a row every {duration(look.period)}"
    notes = [
        f"Written by streamgauge init from {path}.",
        f"{look.rows:,} rows of {len(look.sources):,} sources ({listed(list(look.sources))}){every}.",
        f"Time: {look.understood.time or 'none, rows are counted'}. Source: {look.understood.source or 'the file'}.",
        *([f"Left out: {', '.join(left)}."] if left else []),
        *look_notes(look),
        f"Try it: {command}",
    ]
    return monitor_file(stream, proposal.settings, notes), command


def _of_topic(found: TopicLook | PlatformLook, stream: str, kafka: str | None) -> str:
    """Return the text of the monitor file."""
    if isinstance(found, PlatformLook):
        written = f"Written by streamgauge init from the topic {found.topic}."
        return monitor_file(stream, found.settings, [written, *found.notes], kafka=kafka)
    sample, default = found.sample, SensorStream()
    sources = list(dict.fromkeys(sample.sources))
    every = "" if sample.period is None else f", an event every {duration(sample.period)} of each"
    settings: list[Setting] = [
        ("topic", toml_value(found.topic), "where the events are"),
        *(
            []
            if found.format.said is None
            else [("format", toml_value(found.format.said), found.format.reason)]
        ),
        ("channels", toml_value(found.channels), "numbers in the newest events"),
        ("warmup", str(default.warmup), "events of a source that it learns from: the usual number"),
        propose_budget(len(sources) / (sample.period or 1.0)),
    ]
    notes = [
        f"Written by streamgauge init from the topic {found.topic}.",
        f"{len(sample.sources):,} of its newest events: {len(sources):,} sources ({listed(sources)}){every}.",
    ]
    if sample.rejected:
        _, why = sample.rejected[0]
        notes.append(f"{len(sample.rejected):,} more cannot be read, the first for {why.message}.")
    return monitor_file(stream, settings, notes, mapping=found.mapping, reasons=_REASONS, kafka=kafka)


def _write(out: Path, text: str) -> None:
    """Write a monitor file that the settings accept."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as part:
            part.write_text(text, encoding="utf-8")
            load_settings(part)
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror}") from None
