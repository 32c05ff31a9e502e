"""What the reading part of a worker does at the moment, for the watchdog, the metrics and the health pages."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, cast

from faust.types import TP

from stream_app.runtime.agents import StreamAgent
from stream_app.runtime.batching import BatchConsumer
from stream_app.runtime.metrics import Metrics

__all__ = ["Reading"]


class Reading:
    """The consumer and the agents of one worker, seen from outside.

    Parameters
    ----------
    app : faust.App
        Started.
    agents : list of StreamAgent
        Who takes its batches.
    metrics : Metrics
        Gets lag and sources.
    """

    def __init__(self, app: Any, agents: Sequence[StreamAgent[Any]], metrics: Metrics) -> None:
        self._app = app
        self._agents = agents
        self._metrics = metrics
        self._busy_at = self._unsettled_at = self._settled_at = monotonic()
        self._was_settled = False
        self._ends: dict[TP, int] = {}
        self.lag = 0.0
        self.sources = 0

    @property
    def _consumer(self) -> BatchConsumer:
        return cast(BatchConsumer, self._app.consumer)

    def measure(self) -> None:
        """Take note of where things are; call it a few times a second."""
        now = monotonic()
        self._consumer.stay()
        if any(agent.busy for agent in self._agents):
            self._busy_at = now
        settled = self.settled
        if settled and not self._was_settled:
            self._settled_at = now
        elif self._was_settled and not settled:
            self._unsettled_at = now
        self._was_settled = settled
        assigned = self._consumer.assignment()
        self.lag = 0.0
        self.sources = 0
        for agent in self._agents:
            progress = agent.progress()
            held = sum(sources for _, _, sources in progress)
            self._metrics.sources.labels(agent.stream).set(held)
            self.sources += held
            for tp, next_offset, _ in progress:
                end = max(
                    self._ends.get(tp, 0), (self._consumer.highwater(tp) if tp in assigned else None) or 0
                )
                if end:
                    behind = max(0, end - (next_offset or 0))
                    self._metrics.lag.labels(tp.topic, tp.partition).set(behind)
                    self.lag += behind

    @property
    def settled(self) -> bool:
        """Whether the group has settled and reading goes on from the stored positions."""
        return not self._app.rebalancing and self._consumer.placed

    def progress(self) -> list[tuple[TP, int | None, int]]:
        """Partitions in hand, the next offset of each and its number of sources."""
        return [entry for agent in self._agents for entry in agent.progress()]

    def saw(self, ends: Mapping[TP, int]) -> None:
        """Take note of where the logs end; a consumer that is held up does not hear of it."""
        self._ends = dict(ends)

    def idle_since(self) -> float | None:
        """Since when nothing arrived and nothing was in hand, on the monotonic clock; None while something is."""
        if any(agent.busy for agent in self._agents):
            return None
        return max(self._busy_at, self._settled_at, self._consumer.fetched_at)

    def unplaced_since(self) -> float | None:
        """Since when it has been neither reading nor waiting for partitions, on the monotonic clock."""
        return None if self.settled else self._unsettled_at

    def position(self, tp: TP) -> int | None:
        """Offset that the consumer would fetch next, where it knows."""
        return self._consumer.next_fetch(tp)

    def describe(self) -> str:
        """Say in words what the consumer does."""
        if self._app.rebalancing:
            return "joining the group"
        if not self._consumer.placed:
            return "asking for its positions"
        return "reading" if self._consumer.assignment() else "spare, without partitions"
