"""``streamgauge replay``: a stream from files, a data set or a simulation into Kafka, a command a kind of stream."""

import typer

from stream_app.cli.option_groups import expand_groups
from stream_app.cli.replay import images, mqtt, platform, predictions, sensors, sessions
from stream_app.cli.show import help_of

__all__ = ["replay_app"]

replay_app = typer.Typer(
    help="Replay a stream into Kafka: files, a data set or a simulation.", no_args_is_help=True
)

for _command, _examples, _needs_more in (
    (sensors.sensors, sensors.EXAMPLES, True),
    (images.images, images.EXAMPLES, False),
    (predictions.predictions, predictions.EXAMPLES, True),
    (sessions.sessions, sessions.EXAMPLES, True),
    (platform.platform, platform.EXAMPLES, True),
    (mqtt.mqtt, mqtt.EXAMPLES, True),
):
    replay_app.command(help=help_of(_command), epilog=_examples, no_args_is_help=_needs_more)(
        expand_groups(_command)
    )
