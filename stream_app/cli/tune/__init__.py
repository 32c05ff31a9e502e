"""``streamgauge tune``: what budgets, warm-ups and detectors would have told on past data."""

from stream_app.cli.tune.command import EXAMPLES, tune

__all__ = ["EXAMPLES", "tune"]
