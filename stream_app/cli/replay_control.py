"""``streamgauge replay-control``: something said to replays that are running."""

from typing import Annotated

import typer

from producers.control import say
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, KafkaOption, settings_of
from stream_app.errors import SettingsError
from stream_app.events import Topics
from stream_app.events.control import ReplayControl

__all__ = ["EXAMPLES", "replay_control"]

EXAMPLES = """
Examples:

streamgauge replay-control --level 4

streamgauge replay-control --replay camera-2 --pause
"""


def replay_control(
    *,
    level: Annotated[
        int | None, typer.Option(min=0, max=9, help="Corruption level from now on, 0 to 9.")
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Pause the replay.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the replay.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the replay, as with Ctrl-C.")] = False,
    replay: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Camera of the replay; by default all replays that listen."),
    ] = None,
    kafka: KafkaOption = None,
    config: ConfigOption = None,
) -> None:
    """Control a running replay of images: corruption level, pause, resume, stop.

    What is said goes through the topic replay.control, and is heard by replays that run now.
    """
    actions = [name for name, said in (("pause", pause), ("resume", resume), ("stop", stop)) if said]
    if len(actions) > 1 or (level is None and not actions):
        raise typer.BadParameter(
            "say --level, or one of --pause, --resume, --stop; a level may go with one of them"
        )
    message = ReplayControl.model_validate(
        {"replay": replay, "level": level, "action": actions[0] if actions else None}
    )
    settings = settings_of(config, kafka=kafka)
    if not settings.kafka.servers:
        raise SettingsError("where is Kafka? say --kafka HOST:PORT, or set STREAMGAUGE_KAFKA")
    topic = Topics(settings.prefix).control
    run(say(settings.kafka, topic, message))
    typer.echo(f"said in {topic}")
