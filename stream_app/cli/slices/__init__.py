"""``streamgauge slices``: where a model errs more often than overall, over a file."""

from stream_app.cli.slices.command import EXAMPLES, slices

__all__ = ["EXAMPLES", "slices"]
