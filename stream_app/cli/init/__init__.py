"""``streamgauge init``: a first monitor file, from what is in a file or a topic."""

from stream_app.cli.init.command import EXAMPLES, init

__all__ = ["EXAMPLES", "init"]
