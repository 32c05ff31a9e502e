"""How many alerts fire and how often detectors were right, for Prometheus: read from Redis, so that a worker that has just started knows it, too."""

import asyncio
from collections import Counter
from collections.abc import Collection
from itertools import product

import structlog

from stream_app.errors import StoreError
from stream_app.events import AlertState, Severity
from stream_app.runtime.metrics import Metrics
from stream_app.store import AlertReader, IncidentReader, Store

__all__ = ["FiringWatch"]

_log = structlog.get_logger(__name__)

_EVERY_SECONDS = 15.0


class FiringWatch:
    """Counts the alerts of a worker's streams that fire, those that other workers found included, and what people said of their detectors.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    streams : collection of str
        Names of the streams; alerts of others are not counted, so that labels stay few.
    metrics : Metrics
        Where the figures go.
    """

    def __init__(self, store: Store, streams: Collection[str], metrics: Metrics) -> None:
        self._alerts = AlertReader(store)
        self._incidents = IncidentReader(store)
        self._streams = frozenset(streams)
        self._metrics = metrics
        self._kinds: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Look again and again; a server that is away is looked for later."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                _log.debug("which alerts fire cannot be read", error=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Count once.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        firing = [alert for alert in await self._alerts.firing() if alert.state is AlertState.FIRING]
        counts = Counter(
            (alert.stream, alert.kind, alert.severity) for alert in firing if alert.stream in self._streams
        )
        # What fired once stays as 0: a series that ends looks like a worker that is gone.
        self._kinds |= {(stream, kind) for stream, kind, _ in counts}
        for (stream, kind), severity in product(self._kinds, Severity):
            labels = stream, kind, severity.value
            self._metrics.firing.labels(*labels).set(counts[stream, kind, severity])
        for one in await self._incidents.detector_precisions():
            if one.stream in self._streams:
                for word, number in (("real", one.real), ("false", one.false)):
                    self._metrics.verdicts.labels(one.stream, one.detector, word).set(number)
                for word, share in (("share", one.share), ("low", one.low), ("high", one.high)):
                    self._metrics.precision.labels(one.stream, one.detector, word).set(share)
