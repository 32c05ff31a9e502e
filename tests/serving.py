"""Feature views with entities in them, as a worker would have written them."""

from stream_app.core.features import DAY, Condition, Feature, FeatureView, Sliding
from stream_app.events import SessionRow
from stream_app.monitors.sessions import SessionArrivals, SessionConfig, SessionMonitor
from stream_app.store import FeatureLogWriter, ViewRegistry, connect

NOW = 1_700_000_000.0


def purchases(version=1, **options):
    features = [
        Feature("lines_30m", "count", window=Sliding(1800)),
        Feature("spent_30m", "sum", "amount", Sliding(1800)),
        Feature("spent_30d", "sum", "amount", Sliding(30 * DAY)),
        Feature("mean_30d", "mean", "amount", Sliding(30 * DAY)),
        Feature("items_30d", "distinct", "item", Sliding(30 * DAY)),
        Feature("returned_30d", "count", window=Sliding(30 * DAY), where=(Condition("amount", "<", 0.0),)),
    ]
    if version > 1:
        features.append(Feature("pause", "time_since_last", window=Sliding(30 * DAY)))
    return FeatureView(
        "purchases", tuple(features), version=version, freshness=3600.0, ttl=60 * DAY, **options
    )


def bought(entity, ts, amount=1.0, item="a"):
    return SessionRow(entity, ts, "purchase", {"amount": amount}, {"item": item})


class Shop:
    """A stream of purchases and what a worker makes of it."""

    def __init__(self, redis_settings, *views):
        self.views = views or (purchases(1), purchases(2))
        self._settings = redis_settings
        self._monitor = SessionMonitor(SessionConfig(self.views))
        self._offset = 0

    async def register(self):
        store = await connect(self._settings)
        for view in self.views:
            await ViewRegistry(store).register(view, now=NOW)
        await store.close()
        return self

    async def sell(self, *rows):
        """Take events and store what they change; returns what a reader of the monitor itself would see."""
        offsets = list(range(self._offset, self._offset + len(rows)))
        self._offset += len(rows)
        outcome = self._monitor.update(SessionArrivals(list(rows), offsets, [row.ts for row in rows]))
        store = await connect(self._settings)
        await FeatureLogWriter(store, self.views).write(outcome.changes, written_ts=NOW)
        await store.close()

    def log(self, entity, view):
        return self._monitor.log(entity, view)
