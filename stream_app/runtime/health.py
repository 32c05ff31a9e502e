"""How a worker is: what it says to a probe, a supervisor or an operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from stream_app.runtime.outages import KAFKA, REDIS, Outage

__all__ = ["Health", "assess"]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one worker.

    Parameters
    ----------
    ok : bool
        Whether all is well: the servers answer, events are read as they come, and alerts reach their topics.
    ready : bool
        Whether it is started, and events are read.
    detail : dict
        One entry a part, in words and numbers; holds no addresses and no secrets.
    """

    ok: bool
    ready: bool
    detail: dict[str, Any] = field(default_factory=dict)


def assess(
    *,
    started: bool,
    away: Mapping[str, Outage],
    consumer: str,
    well: bool,
    lag: float,
    sources: int,
    unpublished: int = 0,
    failing_since: float | None = None,
) -> Health:
    """Put together what the parts of a worker know.

    Parameters
    ----------
    started : bool
        Whether partitions are, or may be, read.
    away : dict of str to Outage
        The servers that do not answer.
    consumer : str
        What the consumer does, in words.
    well : bool
        Whether that is as it should be.
    lag : float
        Events in the log that are not processed yet.
    sources : int
        Sources in memory.
    unpublished : int
        Alerts that wait for their topics.
    failing_since : float, optional
        When publishing them began to fail, on the monotonic clock.

    Examples
    --------
    >>> assess(started=True, away={}, consumer="reading", well=True, lag=0, sources=8).detail["redis"]
    'ok'

    A worker whose alerts wait goes on with its events, and is not well:

    >>> health = assess(
    ...     started=True, away={}, consumer="reading", well=True, lag=0, sources=8, unpublished=3, failing_since=monotonic()
    ... )
    >>> health.ready, health.ok, health.detail["alerts"]
    (True, False, '3 not published for 0 s')
    """
    now = monotonic()
    servers = {
        server: f"away for {now - away[server].since:.0f} s" if server in away else "ok"
        for server in dict.fromkeys((KAFKA, REDIS, *away))
    }
    reading = not away and well
    ok = reading and failing_since is None
    alerts = "ok" if failing_since is None else f"{unpublished} not published for {now - failing_since:.0f} s"
    status = ("ok" if ok else "degraded") if started else "starting"
    return Health(
        ok=ok,
        ready=reading and started,
        detail={
            "status": status,
            **servers,
            "consumer": consumer,
            "alerts": alerts,
            "lag_events": lag,
            "sources": sources,
        },
    )
