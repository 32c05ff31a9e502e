"""``streamgauge features history``: training rows as of past instants."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.features.app import FeatureOption, ViewArgument, command
from stream_app.cli.file_columns import SessionOptions
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, KafkaOption, RedisOption, settings_of
from stream_app.errors import DataError

__all__ = ["history"]

_EXAMPLES = """
Examples:

streamgauge features history purchases --events online_retail.csv.gz --instants churn.csv --out rows.parquet

streamgauge features history purchases:v2 --topic session.events --instants churn.csv --out rows.csv

streamgauge features history purchases --instants churn.csv --out rows.csv --known arrival -f spent_30m
"""


class Known(StrEnum):
    """Which events a row knows."""

    EVENT_TIME = "event-time"
    ARRIVAL = "arrival"


@command(examples=_EXAMPLES)
def history(
    view: ViewArgument,
    instants: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Table with the columns entity and at; other columns are kept.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="File to write: .parquet or .csv.", show_default=False)
    ],
    events: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Recorded events; may be repeated.", show_default=False),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="Topic with the events; by default that of the view's stream.", show_default=False),
    ] = None,
    feature: FeatureOption = None,
    known: Annotated[
        Known, typer.Option(help="Events that happened before the instant, or that had arrived by then.")
    ] = Known.EVENT_TIME,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    *,
    columns: SessionOptions,
) -> None:
    """Build point-in-time training rows: features of entities at past instants, as they would have been served.

    A row knows only what happened strictly before its instant. The view is that of the monitor file, else the one
    that is registered in Redis. Events come from files as they would be replayed, or from a topic from its beginning.
    """
    # Looking features up need not wait for what this imports.
    from stream_app.cli.features.recorded import file_events, find_view, topic_events  # noqa: PLC0415
    from stream_app.cli.features.tables import check_output, read_instants, write_rows  # noqa: PLC0415
    from stream_app.features import point_in_time  # noqa: PLC0415

    if events and topic:
        raise typer.BadParameter(
            "events come from files or from a topic, not from both", param_hint="--topic"
        )
    settings = settings_of(config, kafka, redis)
    check_output(out)
    source = run(find_view(settings, view))
    asked = read_instants(instants, source.view)
    if events:
        recording = file_events(events, columns.columns(), columns.preset)
    else:
        recording = run(topic_events(settings, source, topic))
    rows = point_in_time(
        source.config,
        source.view.key,
        recording.events,
        asked.asked,
        features=feature,
        known="event time" if known is Known.EVENT_TIME else "arrival",
    )
    write_rows(out, rows, asked.others)
    missing = sum(row.event_ts is None for row in rows)
    typer.echo(
        f"{len(rows):,} rows of {source.view.key} from {len(recording.events):,} events into {out}"
        f"{_and(missing, 'rows without an event before them')}"
        f"{_and(sum(bool(row.incomplete) for row in rows), 'incomplete')}",
        err=True,
    )
    for note in asked.notes:
        typer.echo(f"{instants}: {note}", err=True)
    _tell(recording.left_out.items())
    refused = recording.left_out.total()
    if refused > len(recording.events):
        raise DataError(
            f"most events were left out: {len(recording.events):,} were taken, {refused:,} were not"
        )
    if missing == len(rows):
        raise DataError(
            f"{instants}: no event of these entities comes before its instant, so every row is empty: are entities and times "
            "those of the events?"
        )


def _and(count: int, what: str) -> str:
    return f"; {count:,} {what}" if count else ""


def _tell(left_out: Iterable[tuple[str, int]]) -> None:
    for reason, count in left_out:
        typer.echo(f"left out {count:,}: {reason}", err=True)
