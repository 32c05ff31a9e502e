"""What the HTTP port of a worker asks of it, for tests of the port alone."""

from dataclasses import dataclass, field

from stream_app.runtime.health import Health
from stream_app.runtime.metrics import Metrics
from stream_app.settings import Settings

TOKEN = "0123456789abcdef-token"


@dataclass
class Watched:
    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)

    def health(self):
        return Health(ok=True, ready=True)
