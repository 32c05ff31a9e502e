"""``streamgauge models``: registered models, which version serves, and changing that."""

from stream_app.cli.models import deeds, look  # noqa: F401 each adds its commands
from stream_app.cli.models.app import models_app

__all__ = ["models_app"]
