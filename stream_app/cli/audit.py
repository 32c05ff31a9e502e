"""``streamgauge audit``: what was done about models and alerts."""

from typing import Annotated

import typer
from rich.markup import escape

from stream_app.cli.logs import configure_logging
from stream_app.cli.options import (
    ConfigOption,
    JsonOption,
    KafkaOption,
    NewestOption,
    SinceFilter,
    beginning,
    settings_of,
)
from stream_app.cli.printable import printable
from stream_app.cli.show import instant
from stream_app.cli.tail import tail_topic
from stream_app.events import MONITOR, AuditKind, AuditRecord, Topics

__all__ = ["audit_app"]

_HELP = "Read the audit log of models and alerts."

_EXAMPLES = """
Examples:

streamgauge audit list --kind alert.acknowledged --since 7d

streamgauge audit list --follow --json
"""

audit_app = typer.Typer(help=_HELP, no_args_is_help=True)


@audit_app.callback(help=_HELP)
def _group() -> None:
    # What aiokafka would log of a broker that is away is told by our own error.
    configure_logging(quiet=True)


@audit_app.command("list", epilog=_EXAMPLES)
def list_(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    kind: Annotated[
        AuditKind | None, typer.Option(help="Only records of this kind.", show_default=False)
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only records about this model or source.", show_default=False),
    ] = None,
    since: SinceFilter = None,
    limit: NewestOption = 100,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new records.")] = False,
    json: JsonOption = False,
) -> None:
    """List retraining triggers, acknowledged alerts and new versions of models, newest last.

    In the order of writing; the time is when it was done. Ctrl-C ends --follow.
    """
    settings = settings_of(config, kafka=kafka)

    def wanted(record: AuditRecord) -> bool:
        return kind in {None, record.kind} and source in {None, record.source}

    tail_topic(
        settings,
        Topics(settings.prefix).audit,
        AuditRecord,
        wanted,
        _line,
        since=beginning(since),
        last=limit or None,
        follow=follow,
        as_json=json,
    )


def _line(record: AuditRecord) -> str:
    said = f"  by {record.by}" if record.by != MONITOR else ""
    said += f": {record.note}" if record.note else ""
    about = f"{record.stream}/{record.source}"
    return escape(
        f"{instant(record.at)}  {record.kind.value:20}  {printable(about)}  {printable(record.summary + said)}"
    )
