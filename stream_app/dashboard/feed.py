"""Reads Redis once for all open pages, and tells each of them when something is new."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from stream_app.dashboard.snapshot import EMPTY, Live, Snapshot, Source, SourceKey, StreamRead
from stream_app.errors import StreamgaugeError
from stream_app.store import (
    AlertReader,
    FeatureReader,
    FeatureRow,
    History,
    IncidentReader,
    IncidentStatus,
    Series,
    Store,
)
from stream_app.store.ownership import Ownership

__all__ = ["Feed"]

_log = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0
_SOURCES_EVERY_SECONDS = 3.0
_INCIDENTS_EVERY_SECONDS = 5.0
"""New alerts are told at once; what people say and which mute is over, so often."""
_LEAST_PAUSE_SECONDS = 0.1
"""Between two readings, however many alerts come."""
_LISTED_SOURCES = 100_000
_TRAIL = 60
_ALL_POINTS = 100_000
_LEADING = ("accuracy", "estimated_accuracy", "mae")
"""Figures of models; sources of readings are led by a channel."""

_Wanted = Callable[[], Collection[SourceKey]]
_Told = Callable[[Snapshot], None]


@dataclass(frozen=True, slots=True)
class _Subscriber:
    wanted: _Wanted
    told: _Told


class Feed:
    """What is read of Redis, whoever looks at it; nothing while nobody does.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.snapshot = EMPTY
        self._incidents = IncidentReader(store)
        self._alerts = AlertReader(store)
        self._history = History(store)
        self._subscribers: dict[int, _Subscriber] = {}
        self._trails: dict[SourceKey, deque[float]] = {}
        self._wake = asyncio.Event()
        self._streams: list[StreamRead] = []
        self._events: dict[SourceKey, float] = {}
        self._cases: dict[str, IncidentStatus] = {}
        self._changed: set[str] = set()
        self._listed = self._told = 0.0

    def subscribe(self, told: _Told, wanted: _Wanted = tuple) -> Callable[[], None]:
        """Tell a page of each reading.

        Parameters
        ----------
        told : callable
            Takes the snapshot.
        wanted : callable
            Returns the sources whose live features the page shows.

        Returns
        -------
        callable
            Ends it; calling it again does nothing.
        """
        number = max(self._subscribers, default=0) + 1
        self._subscribers[number] = _Subscriber(wanted, told)
        self._wake.set()

        def end() -> None:
            self._subscribers.pop(number, None)

        return end

    def hurry(self) -> None:
        """Read at once, incidents too, as after a person said something."""
        self._told = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._read_on())

    async def _read_on(self) -> None:
        while True:
            if not self._subscribers:
                await self._wake.wait()
            self._wake.clear()
            try:
                self.snapshot = await self._read()
            except StreamgaugeError as error:
                if not self.snapshot.problem:
                    _log.warning("the dashboard shows what it has read before: %s", error)
                self.snapshot = replace(self.snapshot, problem=str(error))
                self._told = self._listed = 0.0
            for subscriber in list(self._subscribers.values()):
                self._tell(subscriber)
            await asyncio.sleep(_LEAST_PAUSE_SECONDS)
            try:
                await asyncio.wait_for(self._wake.wait(), _EVERY_SECONDS - _LEAST_PAUSE_SECONDS)
            except TimeoutError:
                continue

    def _tell(self, subscriber: _Subscriber) -> None:
        try:
            subscriber.told(self.snapshot)
        except Exception:  # noqa: BLE001 a mistake in one page must not stop the others
            _log.exception("an open page could not show what is new")

    async def _follow(self) -> None:
        """Wake the reading when an alert begins or ends."""
        while True:
            try:
                async for alert in self._alerts.follow(await self._alerts.position()):
                    if alert is not None:
                        self._changed.add(alert.case.id)
                        self._wake.set()
            except StreamgaugeError:
                # The reading says why.
                await asyncio.sleep(_EVERY_SECONDS)
                self.hurry()

    async def _read(self) -> Snapshot:
        now, before = time.time(), self.snapshot
        anew = await self._read_incidents(now)
        listed = now - self._listed >= _SOURCES_EVERY_SECONDS
        if listed:
            await self._read_sources()
            self._listed = now
        incidents, sources = before.incidents, before.sources
        if anew:
            incidents = sorted(
                self._cases.values(), key=lambda one: (one.incident.started_at, one.incident.id)
            )
        if anew or listed:
            sources = _sources(self._events, incidents, now)
        live = await self._live({one.key: one.blamed for one in sources if one.blamed})
        return Snapshot(now, self._streams, sources, live, incidents)

    async def _read_incidents(self, now: float) -> bool:
        """Read those that have changed, and now and then all; say whether there was something to read."""
        changed, self._changed = self._changed, set()
        if now - self._told >= _INCIDENTS_EVERY_SECONDS:
            self._cases = {one.incident.id: one for one in await self._incidents.recent()}
            self._told = now
            return True
        self._cases |= {one.incident.id: one for one in await self._incidents.read(changed)}
        return bool(changed)

    async def _read_sources(self) -> None:
        self._streams = [StreamRead(*parts) for parts in await Ownership(self.store).streams()]
        self._events = {}
        for stream in self._streams:
            for name, ts in await FeatureReader(self.store, stream.name).entities(limit=_LISTED_SOURCES):
                self._events[stream.name, name] = ts

    async def _live(self, blamed: Mapping[SourceKey, str]) -> Mapping[SourceKey, Live]:
        wanted = {key for one in self._subscribers.values() for key in one.wanted()}
        self._trails = {key: trail for key, trail in self._trails.items() if key in wanted}
        live: dict[SourceKey, Live] = {}
        for stream in {stream for stream, _ in wanted}:
            names = [name for of, name in wanted if of == stream]
            rows = await FeatureReader(self.store, stream).get_some(names)
            fresh = [name for name in names if (stream, name) not in self._trails]
            pasts = await self._history.read_many(stream, fresh, points=_ALL_POINTS)
            for name, row in zip(names, rows, strict=True):
                if row is not None:
                    key = (stream, name)
                    live[key] = self._tile(key, row, blamed.get(key, ""), pasts.get(name))
        return live

    def _tile(self, key: SourceKey, row: FeatureRow, blamed: str, past: Series | None) -> Live:
        measure = _measure(row, blamed)
        last = row.values.get(measure) if measure in _LEADING else row.values.get(f"{measure}.last")
        known = self.snapshot.live.get(key)
        trail = self._trails.get(key)
        if trail is None or (known is not None and known.measure != measure):
            trail = self._trails[key] = deque(_past(past, measure), maxlen=_TRAIL)
        if last is not None and (known is None or known.written_ts != row.written_ts):
            trail.append(last)
        missing, there = (_sum(row, end) for end in (".missing", ".count"))
        return Live(
            event_ts=row.event_ts,
            written_ts=row.written_ts,
            events=row.values.get("events"),
            warmup_left=row.values.get("anomaly.warmup_left") or 0.0,
            missing=missing / max(missing + there, 1.0),
            measure=measure,
            last=last,
            trail=tuple(trail),
        )


def _past(series: Series | None, measure: str) -> list[float]:
    """Return the newest values of a measure that are kept, oldest first."""
    if series is None or measure not in series.channels:
        return []
    mean = series.mean[:, series.channels.index(measure)]
    values: list[float] = mean[np.isfinite(mean)][-_TRAIL:].tolist()
    return values


def _sum(row: FeatureRow, end: str) -> float:
    return sum(value or 0.0 for name, value in row.values.items() if name.endswith(end))


def _sources(
    events: Mapping[SourceKey, float], incidents: Iterable[IncidentStatus], now: float
) -> list[Source]:
    """Put sources and what is firing in them together."""
    lasting: dict[SourceKey, list[IncidentStatus]] = {}
    for one in incidents:
        if one.incident.firing and not one.is_muted(now):
            lasting.setdefault((one.incident.stream, one.incident.source), []).append(one)
    quiet = [Source(*key, ts) for key, ts in events.items() if key not in lasting]
    # What has no live features may alarm all the same: a stream as a whole, a feature view.
    firing = [
        _firing(*key, events.get(key, mine[0].incident.changed_at), mine) for key, mine in lasting.items()
    ]
    return [*firing, *quiet]


def _firing(stream: str, name: str, event_ts: float, mine: Collection[IncidentStatus]) -> Source:
    worst = max(mine, key=lambda one: one.severity.rank)
    blamed = next((channel for channel, _ in worst.incident.channels if channel != "*"), "")
    seen = all(one.acknowledged for one in mine)
    return Source(stream, name, event_ts, worst.severity, len(mine), seen, blamed)


def _measure(row: FeatureRow, blamed: str) -> str:
    """Return the figure that leads a tile: that of a model, the channel that is to blame, or the first one."""
    if f"{blamed}.last" in row.values:
        return blamed
    leading = (name for name in _LEADING if row.values.get(name) is not None)
    channels = (name.removesuffix(".last") for name in row.values if name.endswith(".last"))
    return next(leading, None) or min(channels, default="")
