"""What a worker counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_app.core.budget import Budget
from stream_app.events import Alert
from stream_app.settings import Settings

__all__ = ["Metrics"]

_DAY = 86_400.0
_MOST_PAGED = 10_000
"""Latest incidents that are known to be counted."""


class Metrics:
    """Counters and gauges of one worker, in a registry of their own.

    Names follow Prometheus' conventions: base units, ``_total`` for counters, no identities in labels.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._paged: dict[str, None] = {}
        self.events = Counter("streamgauge_events", "Events processed.", ["stream"], registry=self.registry)
        self.refused = Counter(
            "streamgauge_refused_events",
            "Events set aside, by reason.",
            ["stream", "reason"],
            registry=self.registry,
        )
        self.alerts = Counter(
            "streamgauge_alerts", "Alerts that began to fire.", ["stream", "kind"], registry=self.registry
        )
        self.firing = Gauge(
            "streamgauge_alerts_firing",
            "Alerts that fire, in the whole deployment: each worker of a stream says the same.",
            ["stream", "kind", "severity"],
            registry=self.registry,
        )
        self.verdicts = Gauge(
            "streamgauge_detector_verdicts",
            "Incidents that people called real or false, by what found them, in the whole deployment.",
            ["stream", "detector", "verdict"],
            registry=self.registry,
        )
        self.precision = Gauge(
            "streamgauge_detector_precision",
            "Share of real ones among them, with the ends of Wilson's 95 % interval: share, low, high.",
            ["stream", "detector", "figure"],
            registry=self.registry,
        )
        self.last_event = Gauge(
            "streamgauge_last_event_timestamp_seconds",
            "When this worker processed the last event of a stream, in epoch seconds.",
            ["stream"],
            registry=self.registry,
        )
        self.allowed = Gauge(
            "streamgauge_alert_budget_allowed",
            "False alarms a day that the stream's budget allows; not there where it counts events.",
            ["stream"],
            registry=self.registry,
        )
        self.spent = Counter(
            "streamgauge_alert_budget_spent",
            "Incidents that page a person: all but those of severity info.",
            ["stream"],
            registry=self.registry,
        )
        self.triggers = Counter(
            "streamgauge_triggers", "Retraining triggers told.", ["stream"], registry=self.registry
        )
        self.labels = Counter(
            "streamgauge_labels",
            "Predictions and labels by their fate: predictions, joined, missing, evicted, unmatched_labels, "
            "duplicate_predictions, duplicate_labels.",
            ["stream", "fate"],
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "streamgauge_batch_seconds",
            "Time to process one delivery.",
            ["stream"],
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
            registry=self.registry,
        )
        self.checkpoint_seconds = Histogram(
            "streamgauge_checkpoint_seconds",
            "Time to store one checkpoint.",
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
            registry=self.registry,
        )
        self.checkpoint_bytes = Counter(
            "streamgauge_checkpoint_bytes", "Bytes of state stored.", registry=self.registry
        )
        self.lag = Gauge(
            "streamgauge_lag_events",
            "Events in the log that are not processed yet.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.up = Gauge(
            "streamgauge_up",
            "Whether a server answers (1) or is away (0).",
            ["server"],
            registry=self.registry,
        )
        self.outages = Counter(
            "streamgauge_outages", "Times a server was missed.", ["server"], registry=self.registry
        )
        self.forgotten = Counter(
            "streamgauge_forgotten_sources",
            "Sources that were forgotten, by reason: expired, old_state, moved.",
            ["reason"],
            registry=self.registry,
        )
        self.made_anew = Counter(
            "streamgauge_topics_made_anew",
            "Partitions that were read from their beginning, because their topic was made anew.",
            ["topic"],
            registry=self.registry,
        )
        self.missing = Counter(
            "streamgauge_missing_events",
            "Events that are missing in the log, as compaction leaves it.",
            ["topic"],
            registry=self.registry,
        )
        self.features_passed_over = Counter(
            "streamgauge_features_passed_over",
            "Rows of live features that were not written, because a later event had written.",
            ["stream"],
            registry=self.registry,
        )
        self.outbox = Gauge(
            "streamgauge_outbox_alerts",
            "Alerts and notices that are not on their topic yet.",
            registry=self.registry,
        )
        self.store_used = Gauge(
            "streamgauge_store_used_bytes", "Memory that Redis has in use.", registry=self.registry
        )
        self.store_limit = Gauge(
            "streamgauge_store_limit_bytes", "Redis' maxmemory; 0 is none.", registry=self.registry
        )
        self.stream_used = Gauge(
            "streamgauge_stream_store_bytes",
            "What the sources of this worker's partitions count for in Redis.",
            ["stream"],
            registry=self.registry,
        )
        self.stream_limit = Gauge(
            "streamgauge_stream_store_limit_bytes",
            "What they may take; beyond it events of new sources are refused.",
            ["stream"],
            registry=self.registry,
        )
        self.sources = Gauge("streamgauge_sources", "Sources in memory.", ["stream"], registry=self.registry)
        self.sharers = Gauge(
            "streamgauge_budget_sources",
            "Sources that share the stream's budget, as the partition counts them.",
            ["topic", "partition"],
            registry=self.registry,
        )

    def set_budgets(self, settings: Settings) -> None:
        """Say what the budgets of the streams allow."""
        for name, stream in settings.streams.items():
            said = Budget.parse(stream.budget) if hasattr(stream, "budget") else None
            if said is not None and said.seconds is not None:
                self.allowed.labels(name).set(said.allowed(events=0.0, seconds=_DAY))
                self.spent.labels(name)

    def alert_began(self, alert: Alert) -> None:
        """Count an alert that began to fire."""
        self.alerts.labels(alert.stream, alert.kind).inc()
        incident = alert.case.id
        if alert.pages and incident not in self._paged:
            self.spent.labels(alert.stream).inc()
            self._paged[incident] = None
            if len(self._paged) > _MOST_PAGED:
                del self._paged[next(iter(self._paged))]

    def processed(self) -> float:
        """Events processed so far, over all streams."""
        return float(
            sum(
                sample.value
                for family in self.events.collect()
                for sample in family.samples
                if sample.name.endswith("_total")
            )
        )
