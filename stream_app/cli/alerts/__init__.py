"""``streamgauge alerts``: subscribe to alerts, look up incidents, and say what one thinks of them."""

from stream_app.cli.alerts import look, notes, precision, tail  # noqa: F401 each adds its commands
from stream_app.cli.alerts.app import alerts_app

__all__ = ["alerts_app"]
