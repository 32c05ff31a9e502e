"""``streamgauge retrain``."""

from stream_app.cli.retrain.command import EXAMPLES, retrain

__all__ = ["EXAMPLES", "retrain"]
