"""``streamgauge check``: is everything right, before a worker runs."""

from stream_app.cli.check.command import check

__all__ = ["check"]
