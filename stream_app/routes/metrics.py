"""What a notifier counts, for Prometheus: by route, whose names are those of the monitor file."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["RouteMetrics"]


class RouteMetrics:
    """Counters and gauges of one notifier, in a registry of their own.

    Parameters
    ----------
    routes : iterable of str
        Names of the routes, which have their series from the start.
    """

    def __init__(self, routes: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self.sent = self._counter("sent", "Messages that arrived.")
        self.failed = self._counter("failed", "Attempts to send a message that failed.")
        self.retries = self._counter("retries", "Attempts to send a message that failed before.")
        self.waiting = self._gauge("waiting", "Groups that are due, and the message that is on its way.")
        self.held = self._gauge(
            "held", "Whether this notifier sends the messages of the route (1) or another (0)."
        )
        self.dead = self._gauge("dead", "Whether its messages have not arrived for dead_after (1).")
        self.last_success = self._gauge(
            "last_success_timestamp_seconds", "When a message of the route arrived last, in epoch seconds."
        )
        self.up = Gauge(
            "streamgauge_up",
            "Whether a server answers (1) or is away (0).",
            ["server"],
            registry=self.registry,
        )
        for route in routes:
            for metric in (self.sent, self.failed, self.retries, self.waiting, self.held, self.dead):
                metric.labels(route)

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(f"streamgauge_route_{name}", about, ["route"], registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"streamgauge_route_{name}", about, ["route"], registry=self.registry)
