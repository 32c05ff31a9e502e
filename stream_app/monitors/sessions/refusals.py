"""Events of a partition that are refused for their times, one after the other: the alert about them, and its end.

An entity has few events; a clock that is wrong, or a producer that sends old events, shows in those of all entities. What is
no question of time (a number out of its limits, an event that came twice) neither continues nor ends a run.
"""

import math
from collections.abc import Sequence

from stream_app.events import Alert, LogId, Reason
from stream_app.monitors.base import Refusal
from stream_app.monitors.refusals import MOST_REFUSED, REFUSED
from stream_app.monitors.sessions.outcome import SessionArrivals

__all__ = ["RefusedRun"]

_FOR_ITS_TIME = frozenset({Reason.TIMESTAMP, Reason.LATE})


class RefusedRun:
    """Events that were refused for their times since the last one that was not.

    Parameters
    ----------
    stream : str
        Name of the stream, which the alert names as its source.
    count : int
        How many there are.
    firing : Alert or None
        The alert about them; of events that are read again it may lie ahead.

    Examples
    --------
    >>> from stream_app.events import SessionRow
    >>> run = RefusedRun("shop")
    >>> def take(first, count, refused):
    ...     offsets = list(range(first, first + count))
    ...     arrivals = SessionArrivals([SessionRow("a", 9.0)] * count, offsets, [7.0] * count)
    ...     refusals = [Refusal(offset, Reason.LATE, "too late") for offset in offsets if refused]
    ...     return [(alert.state.value, alert.offset, alert.end_offset) for alert in run.update(arrivals, refusals, LogId(0))]
    >>> take(0, 20, True), take(20, 20, True), take(40, 2, False)
    ([], [('firing', 31, None)], [('resolved', 31, 40)])
    """

    def __init__(self, stream: str, count: int = 0, firing: Alert | None = None) -> None:
        self._stream = stream
        self.count = count
        self._firing = firing

    def update(
        self, arrivals: SessionArrivals, refusals: Sequence[Refusal], log: LogId, *, since: int = 0
    ) -> list[Alert]:
        """Take events.

        Parameters
        ----------
        arrivals : SessionArrivals
            The events.
        refusals : sequence of Refusal
            Those of them that were refused.
        log : LogId
            Where they came from.
        since : int
            Offset; those before it were taken earlier.

        Returns
        -------
        list of Alert
            Those that begin and end; the same events give the same ones, wherever batches end.
        """
        if not (refusals or self.count or self._firing):
            return []
        refused = {refusal.offset: refusal for refusal in refusals}
        alerts: list[Alert] = []
        last = -1
        for row, offset, record_ts in zip(arrivals.rows, arrivals.offsets, arrivals.record_ts, strict=True):
            # A record with several events counts once, as refused where one of them is.
            if offset < since or offset == last:
                continue
            last = offset
            refusal = refused.get(offset)
            # Its own time is not to be believed.
            at = record_ts if record_ts < math.inf else row.ts
            if refusal is None:
                self.count = 0
                alerts += self._end(at, offset, log)
            elif refusal.reason in _FOR_ITS_TIME:
                self.count += 1
                if self.count == MOST_REFUSED and self._firing is None:
                    self._firing = self._alert(at, refusal, log)
                    alerts.append(self._firing)
        return alerts

    def _end(self, at: float, offset: int, log: LogId) -> list[Alert]:
        firing = self._firing
        if firing is None or (firing.life == log.life and offset <= firing.offset):
            return []
        self._firing = None
        return [firing.ended(max(at, firing.started_at), offset)]

    def _alert(self, at: float, refusal: Refusal, log: LogId) -> Alert:
        return Alert.begun(
            self._stream,
            self._stream,
            REFUSED,
            log,
            refusal.offset,
            kind="quality",
            started_at=at,
            statistic=float(MOST_REFUSED),
            threshold=float(MOST_REFUSED),
            summary=f"{MOST_REFUSED} events in a row refused for their times, the last because {refusal.message}: "
            "is the producer's clock right?",
        )
