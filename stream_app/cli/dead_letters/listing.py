"""``streamgauge dead-letters list``."""

import json as json_module
from collections.abc import Sequence
from typing import Annotated

import typer

from stream_app.cli.dead_letters.choice import (
    ReasonFilter,
    TopicFilter,
    chosen,
    letters_topic,
    row_json,
    warn,
)
from stream_app.cli.loop import run
from stream_app.cli.options import (
    ConfigOption,
    JsonOption,
    KafkaOption,
    NewestOption,
    SinceFilter,
    beginning,
    settings_of,
)
from stream_app.cli.show import console, instant, print_columns
from stream_app.dead_letters import DeadLetterIndex, Row, scan
from stream_app.kafka import reading
from stream_app.settings import Settings

__all__ = ["EXAMPLES", "list_"]

EXAMPLES = """
Examples:

streamgauge dead-letters list --since 2h --reason schema

streamgauge dead-letters list --summary
"""


def list_(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    reason: ReasonFilter = None,
    topic: TopicFilter = None,
    since: SinceFilter = None,
    limit: NewestOption = 100,
    *,
    summary: Annotated[
        bool,
        typer.Option("--summary", help="Count letters by reason and topic instead; --limit does not apply."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """List dead letters, newest last."""
    settings, begin = settings_of(config, kafka=kafka), beginning(since)
    book = run(_survey(settings))
    rows = chosen(book, reason, topic, begin)
    warn(book)
    if summary:
        _summary(rows, as_json=json)
        return
    shown = rows[-limit:] if limit else rows
    if json:
        for row in shown:
            typer.echo(json_module.dumps(row_json(row)))
    elif shown:
        more = f", the newest {len(shown):,}" if len(shown) < len(rows) else ""
        console.print(f"{len(rows):,} dead letter{'s' if len(rows) > 1 else ''}{more}")
        _table([("id", "written", "from", "reason", "replayed", "message"), *map(_cells, shown)])
    else:
        console.print("No dead letters.")


async def _survey(settings: Settings) -> DeadLetterIndex:
    topic = letters_topic(settings)
    async with reading(settings.kafka) as reader:
        return await scan(reader, topic)


def _table(rows: Sequence[Sequence[str]]) -> None:
    print_columns(rows)


def _cells(row: Row) -> tuple[str, ...]:
    status = ", ".join(
        claim.status.value if to == row.origin.topic else f"{claim.status.value} to {to}"
        for to, claim in row.claims.items()
    )
    written = instant(row.written)
    return (str(row.place), written, str(row.origin), row.reason.value, status or "-", row.message)


def _summary(rows: Sequence[Row], *, as_json: bool) -> None:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.reason.value, row.origin.topic), []).append(row)
    told = [
        {
            "reason": reason,
            "topic": topic,
            "count": len(some),
            "replayed": sum(bool(row.claims) for row in some),
            "first": some[0].written,
            "last": some[-1].written,
        }
        for (reason, topic), some in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]
    if as_json:
        for group in told:
            typer.echo(json_module.dumps(group))
    elif told:
        heading = tuple(told[0])
        _table([heading, *(tuple(map(_figure, group.values())) for group in told)])
    else:
        console.print("No dead letters.")


def _figure(value: object) -> str:
    return (
        instant(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
