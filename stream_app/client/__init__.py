"""For programs that use what Streamgauge writes; each name is loaded when it is first asked for."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.client.features import AsyncFeatureClient, FeatureClient
    from stream_app.client.subscriber import AlertSubscriber

__all__ = ["AlertSubscriber", "AsyncFeatureClient", "FeatureClient"]

_MODULES = {
    "AlertSubscriber": "client.subscriber",
    "AsyncFeatureClient": "client.features",
    "FeatureClient": "client.features",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
