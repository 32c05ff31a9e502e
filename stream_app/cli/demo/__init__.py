"""``streamgauge demo``: everything at once, in one process, with nothing to install beside it."""

from stream_app.cli.demo.command import demo

__all__ = ["demo"]
