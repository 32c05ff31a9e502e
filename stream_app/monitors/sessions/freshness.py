"""Freshness of feature views: whether their events still arrive."""

from typing import NamedTuple

from stream_app.core.features import FeatureView
from stream_app.events import ONLY_LOG, Alert, LogId

__all__ = ["NewestEvent", "judge_freshness"]

_DETECTOR = "freshness"


class NewestEvent(NamedTuple):
    """Stored time of the newest event of a view.

    Parameters
    ----------
    event_ts : float
        Its time, in epoch seconds.
    written_ts : float
        When the log that has it was written last.
    partition, offset : int
        The last event in that log; for the partition see `LogId.number`.
    """

    event_ts: float
    written_ts: float
    partition: int
    offset: int


def judge_freshness(
    view: FeatureView, newest: NewestEvent | None, firing: Alert | None, now: float, log: LogId = ONLY_LOG
) -> Alert | None:
    """Return whether an alert about a view fires, continues or resolves.

    A view is stale when its newest event is more than its `freshness` ago, by the clock: in a silence no event tells the
    time. Only a view that was live can become stale: one whose newest event was written no later than `freshness` after
    its time. A record of years ago that is replayed raises nothing.

    Parameters
    ----------
    view : FeatureView
        The view.
    newest : NewestEvent or None
        Its newest event, if there is one.
    firing : Alert or None
        The alert that is firing about it.
    now : float
        The time, in epoch seconds.
    log : LogId
        Any partition of the topic, as it is now.

    Returns
    -------
    Alert or None
        The alert that fires, also where it fired before; the end of the one that did; None if there is nothing to tell.
        Whoever judges by the same newest event makes an alert of the same identity.

    Examples
    --------
    >>> from stream_app.core.features import Feature, Sliding
    >>> view = FeatureView("v", (Feature("n", "count", window=Sliding(60)),), freshness=30.0)
    >>> alert = judge_freshness(view, NewestEvent(100.0, 101.0, 0, 7), None, now=140.0)
    >>> alert.state.value, alert.started_at, alert.summary
    ('firing', 130.0, 'v:v1 is stale: no event for 40 s, 30 s are allowed')
    >>> judge_freshness(view, NewestEvent(150.0, 151.0, 0, 8), alert, now=152.0).state.value
    'resolved'
    >>> judge_freshness(view, NewestEvent(100.0, 9e8, 0, 7), None, now=9e8) is None
    True
    """
    if newest is None:
        return firing
    age = now - newest.event_ts
    if firing is not None:
        if age > view.freshness:
            return firing
        return firing.ended(max(newest.event_ts, firing.started_at), newest.offset)
    if age <= view.freshness or newest.written_ts - newest.event_ts > view.freshness:
        return None
    log = log._replace(partition=LogId.partition_of(newest.partition))
    if log.number != newest.partition:
        # Its event is from before the topic was made anew.
        log = log._replace(partition=newest.partition, life="")
    return Alert.begun(
        view.stream,
        view.key,
        _DETECTOR,
        log,
        newest.offset,
        kind="quality",
        started_at=newest.event_ts + view.freshness,
        statistic=age,
        threshold=view.freshness,
        summary=f"{view.key} is stale: no event for {age:.0f} s, {view.freshness:.0f} s are allowed",
        context={"newest_event_ts": newest.event_ts},
    )
