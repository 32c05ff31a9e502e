"""One owned partition of session events: the logs in memory, those that wait to be written, and the position.

The logs themselves are stored on their own, each with the offset of its last event, and may be ahead of the position: what
is read again after a crash is known to each log as repeated. Beside the position stand the views that it holds for.
When a view is not among them, because it is new or was left out for a while, the partition is read from
its log's beginning: logs that are ahead change nothing, and those of the view are filled.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import structlog
from faust.types import TP

from stream_app.events import Alert, Header, TracedLog
from stream_app.kafka.offsets import LogRange
from stream_app.monitors.base import Refusal
from stream_app.monitors.memory import SizeSample, events_that_fit, excess_of
from stream_app.monitors.refusals import REFUSED
from stream_app.monitors.restore_errors import restore_errors
from stream_app.monitors.sessions import (
    LogChange,
    RefusedRun,
    SessionArrivals,
    SessionConfig,
    SessionMonitor,
    Taken,
)
from stream_app.runtime.partition import Snapshot
from stream_app.store import (
    GRACE_SECONDS,
    AlertReader,
    CheckpointStore,
    Claim,
    Fence,
    LastSeen,
    unpack_state,
)

__all__ = ["SessionOpener", "SessionPartition"]

_log = structlog.get_logger(__name__)

_COVERAGE = "views"
"""Under this name it is stored which views a position holds for, and how many events before it were refused in a row."""


@dataclass(slots=True)
class SessionPartition:
    """One owned partition of a stream of session events.

    Parameters
    ----------
    tp : TP
        Topic and number.
    fence : Fence
        The right to write it, and what is stored of it.
    monitor : SessionMonitor
        The logs that are in memory.
    views : mapping of str to str
        Fingerprint of each view, by name and version.
    next_offset : int
        First offset that is not in the logs yet.
    clock : callable
        The time, in epoch seconds.
    dirty : set of str
        What has to be stored beside the position.
    run : RefusedRun
        The newest events, where they were refused for their times.
    headers : mapping of int to sequence of (str, bytes or None)
        Headers of the events in hand that have some, by their offsets.
    """

    tp: TP
    fence: Fence
    monitor: SessionMonitor
    views: Mapping[str, str]
    next_offset: int
    clock: Callable[[], float]
    dirty: set[str]
    run: RefusedRun
    headers: Mapping[int, Sequence[Header]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    snapshot: Snapshot | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    unwritten: list[LogChange] = field(default_factory=list)
    """Changes that may have been written or not: nobody knows, the reply did not come."""
    written_at: float = -math.inf
    """When logs were written last, on the monotonic clock."""
    _sizes: SizeSample = field(default_factory=SizeSample)
    _taken: Taken = field(default_factory=Taken)
    _recent: dict[str, None] = field(default_factory=dict)
    _began: int = field(init=False)
    reported_until: int = field(init=False)
    """Refusals before this offset were already reported."""

    def __post_init__(self) -> None:
        self._began = self.next_offset
        self.reported_until = self.next_offset if self.stored is None else self.stored

    @property
    def stored(self) -> int | None:
        """Position of the last checkpoint."""
        return self.fence.position

    @property
    def log_time(self) -> float:
        """No time of the log: nothing depends on it here."""
        return -math.inf

    @property
    def changed(self) -> bool:
        """Whether there is something to store; a position never goes back, also where reading begins anew."""
        if self.stored is None:
            return self.next_offset != self._began
        return self.next_offset > self.stored or (self.next_offset == self.stored and bool(self.dirty))

    @property
    def known(self) -> int:
        """Entities that it keeps in memory; the store knows the others."""
        return len(self.monitor)

    def __len__(self) -> int:
        """Return how many entities are in memory."""
        return len(self.monitor)

    @property
    def size(self) -> int:
        """Memory that they take, in bytes, about."""
        return int(len(self.monitor) * self._sizes.mean)

    def fitting(self, names: Sequence[str], room: int) -> int:
        """Return how many events at the front can be taken together: their new entities fit into some bytes."""
        return events_that_fit(names, self.monitor, self._sizes.mean, room)

    @property
    def waiting(self) -> int:
        """Logs that wait to be written."""
        return len(self.unwritten) + len(self._taken.touched)

    def absent(self, arrivals: SessionArrivals) -> list[str]:
        """Return the entities whose logs have to be read from the store before their events are counted."""
        recent = self._recent
        for entity in (found := dict.fromkeys(row.entity for row in arrivals.rows)):
            recent.pop(entity, None)
            recent[entity] = None
        return self.monitor.absent(found)

    def take(self, arrivals: SessionArrivals) -> tuple[list[Refusal], list[Alert]]:
        """Take events, and return those that were refused for the first time, and alerts about them."""
        if self.snapshot is not None:
            self.snapshot.secure([_COVERAGE])
        log = TracedLog.of(self.fence.claim.log, self.headers)
        taken = self.monitor.take(arrivals, log, self._taken)
        self.dirty.add(_COVERAGE)
        if arrivals.rows and self._sizes.due():
            self._sizes.add(self.monitor.size_of(arrivals.rows[-1].entity))
        refusals = [refusal for refusal in taken.refusals if refusal.offset >= self.reported_until]
        taken.refusals.clear()
        return refusals, self.run.update(arrivals, refusals, log, since=self.reported_until)

    def changes(self, most: int) -> list[LogChange]:
        """Return what has to be written next, at most so many logs; `written` says that it was done."""
        if not self.unwritten:
            touched = self._taken.touched
            some = {key: touched[key] for key in islice(touched, most)}
            self.unwritten = self.monitor.outcome(Taken(some)).changes
            for key in some:
                del touched[key]
        return self.unwritten

    def written(self) -> None:
        """Note that all of `changes` is stored."""
        self.unwritten = []

    def state(self, name: str) -> dict[str, Any]:  # noqa: ARG002 there is one name only
        """Return the views that the position holds for, and how many events were refused in a row before it."""
        return {"views": dict(self.views), "refused": self.run.count}

    def seen(self, name: str) -> LastSeen:  # noqa: ARG002 as above
        """Return when the position was stored."""
        return LastSeen(self.next_offset - 1, self.clock())

    def count_expired(self) -> int:
        """Return none: what expires the store forgets, by itself."""
        return 0

    def evict(self, most: int) -> None:
        """Drop entities until they take so many bytes, the longest unseen first; of those that wait, none."""
        excess = excess_of(len(self.monitor), self._sizes.mean, most)
        if not excess or self.waiting:
            return
        gone = list(islice(self._recent, excess))
        self.monitor.forget(gone)
        for entity in gone:
            del self._recent[entity]


class SessionOpener:
    """Makes partitions of session events of what is stored of them.

    Parameters
    ----------
    checkpoints : CheckpointStore
        Where positions are stored.
    alerts : AlertReader
        Knows which alerts are firing.
    config : SessionConfig
        Of the stream.
    key : bytes, optional
        Signs what is stored.
    clock : callable
        The time, in epoch seconds.
    """

    def __init__(
        self,
        checkpoints: CheckpointStore,
        alerts: AlertReader,
        config: SessionConfig,
        *,
        key: bytes | None,
        clock: Callable[[], float],
    ) -> None:
        self._checkpoints = checkpoints
        self._alerts = alerts
        self._config = config
        self._key = key
        self._clock = clock

    async def __call__(self, tp: TP, claim: Claim, log: LogRange, /) -> SessionPartition:
        """Take a partition that is claimed, with its log.

        Raises
        ------
        StateError
            If what is stored is damaged or forged.
        StoreError
            If Redis cannot be reached or refuses.
        """
        views = {view.key: view.fingerprint.hex() for view in self._config.views}
        stored = claim.next_offset
        covered, refused = (views, 0) if stored is None else await self._stored(claim)
        missing = sorted(view for view, fingerprint in views.items() if covered.get(view) != fingerprint)
        if missing:
            _log.info(
                "reading from the beginning, for views that the position does not hold for",
                topic=tp.topic,
                partition=tp.partition,
                views=missing,
            )
        firing = await self._alerts.firing_in(self._config.stream, tp.partition, REFUSED)
        return SessionPartition(
            tp,
            Fence(claim, stored),
            SessionMonitor(self._config),
            views,
            log.begin if stored is None or missing else stored,
            self._clock,
            {_COVERAGE} if missing else set(),
            RefusedRun(self._config.stream, refused, firing[0] if firing else None),
        )

    async def _stored(self, claim: Claim) -> tuple[Mapping[str, str], int]:
        """Return the views that the stored position holds for, and how many events before it were refused in a row."""
        blob = (await self._checkpoints.states(claim, [_COVERAGE])).get(_COVERAGE)
        seen = (await self._checkpoints.seen(claim)).get(_COVERAGE)
        # Logs of entities that were silent since then may have expired although their next event is waiting already.
        if blob is None or seen is None or self._clock() - seen.clock > GRACE_SECONDS:
            return {}, 0
        name = self._checkpoints.name(claim, _COVERAGE)
        where = f"the views of {claim.where}"
        state = unpack_state(blob, where, key=self._key, bound_to=name)
        with restore_errors(where):
            return dict(state["views"]), int(state.get("refused", 0))
