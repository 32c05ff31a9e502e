"""``streamgauge triggers``: reasons to train a model again, as they come."""

from typing import Annotated

import typer
from rich.markup import escape

from stream_app.cli.logs import configure_logging
from stream_app.cli.options import (
    ConfigOption,
    FollowOption,
    JsonOption,
    KafkaOption,
    LastOption,
    SinceFilter,
    beginning,
    settings_of,
)
from stream_app.cli.printable import printable
from stream_app.cli.show import instant
from stream_app.cli.tail import tail_topic
from stream_app.events import RetrainingTrigger, Topics, TriggerKind

__all__ = ["triggers_app"]

_HELP = "Subscribe to retraining triggers."

_EXAMPLES = """
Examples:

streamgauge triggers tail

streamgauge triggers tail --last 0 --json | ./retrain.sh
"""

triggers_app = typer.Typer(help=_HELP, no_args_is_help=True)


@triggers_app.callback(help=_HELP)
def _group() -> None:
    # What aiokafka would log of a broker that is away is told by our own error.
    configure_logging(quiet=True)


@triggers_app.command(epilog=_EXAMPLES)
def tail(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    last: LastOption = 10,
    kind: Annotated[
        TriggerKind | None, typer.Option(help="Only triggers with this reason.", show_default=False)
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only triggers of this model.", show_default=False)
    ] = None,
    since: SinceFilter = None,
    *,
    follow: FollowOption = True,
    json: JsonOption = False,
) -> None:
    """Print the newest retraining triggers, and new ones as they come.

    Each is told once, and with its reasons. Ctrl-C ends it, with exit code 0.
    """
    settings = settings_of(config, kafka=kafka)

    def wanted(trigger: RetrainingTrigger) -> bool:
        given = kind is None or any(reason.kind is kind for reason in trigger.reasons)
        return given and source in {None, trigger.source}

    tail_topic(
        settings,
        Topics(settings.prefix).triggers,
        RetrainingTrigger,
        wanted,
        _line,
        since=beginning(since),
        last=last,
        follow=follow,
        as_json=json,
    )


def _line(trigger: RetrainingTrigger) -> str:
    about = f"{trigger.stream}/{trigger.source}"
    return escape(f"{instant(trigger.ts)}  {printable(about)}  {printable(trigger.summary)}")
