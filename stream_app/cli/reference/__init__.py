"""``streamgauge reference``: what the detectors of a stream compare with."""

from stream_app.cli.reference.app import reference_app

__all__ = ["reference_app"]
