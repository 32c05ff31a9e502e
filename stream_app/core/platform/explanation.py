"""What is to blame for an incident, in words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.platform.causes import top_causes
from stream_app.core.platform.figures import figures, metric_title
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import WHOLE, Cause, Episode
from stream_app.core.platform.symptoms import LIMIT, since

__all__ = ["explain"]

TOLD = 3
"""Measured causes that are told."""
CLEAR = 0.1
"""Share below which a cause after the first is not told."""
LONGEST_NAME = 80
"""Letters of a name that are told; patterns of queries are longer."""


NAMED = 3
"""Callers that are named."""
_PLACE = {"node": "On", "service": "At", "group": "In"}


def explain(
    causes: Sequence[Cause],
    episode: Episode,
    *,
    graph: CallGraph | None = None,
    patterns: Mapping[str, str] | None = None,
    zone: tzinfo = UTC,
) -> str:
    """Say in a paragraph what is to blame for an incident: what rose from where to where, since when, and what came before.

    Parameters
    ----------
    causes : sequence of Cause
        What ``rank_causes`` gives, in any order.
    episode : Episode
        The windows from which they were ranked.
    graph : CallGraph, optional
        Who calls whom, to say which callers of a service follow it.
    patterns : mapping of str to str, optional
        Readable form of query classes, by name.
    zone : tzinfo, default UTC
        Time zone of the times of day.

    Returns
    -------
    str
        Sentences with figures and units; one that says so where there is no cause.

    Examples
    --------
    >>> from stream_app.core.platform.series import Series
    >>> one = Series("worker-1", "jvm_heap_ratio", "jvm", "node", True)
    >>> values, usual = np.array([[0.4], [0.4], [0.9]]), np.array([0.3])
    >>> episode = Episode(np.array([60.0, 120.0, 180.0]), values, values * 9.0 - 3.6, usual, usual + 0.2, (one,), 120.0)
    >>> explain([Cause("node", "worker-1", 0.8, 120.0, "jvm_heap_ratio", 0.4, 0.9)], episode)
    'On worker-1, jvm_heap_ratio rose from 40 % to 90 % at 00:02 (usually 30 % to 50 %).'
    """
    ordered = top_causes(causes)
    measured = [cause for cause in ordered if cause.kind != "change"]
    told = [cause for i, cause in enumerate(measured[:TOLD]) if i == 0 or cause.share >= CLEAR]
    told = [cause for cause in told if not _repeats(cause, told, episode)]
    if not told:
        return "No metric deviates clearly enough to be blamed."
    first = min(cause.since for cause in told)
    alone = [cause.since for cause in told].count(first) == 1 < len(told)
    far = _deviates(episode)
    sentences = [
        _measured(cause, episode, far, graph, patterns or {}, zone, first=alone and cause.since == first)
        for cause in told
    ]
    sentences += [_change(cause, episode, zone) for cause in ordered if cause.kind == "change"][:TOLD]
    return " ".join(sentences)


def _measured(
    cause: Cause,
    episode: Episode,
    far: BoolArray,
    graph: CallGraph | None,
    patterns: Mapping[str, str],
    zone: tzinfo,
    *,
    first: bool,
) -> str:
    """Return the sentence of a measured cause."""
    name = _short(patterns.get(cause.name, cause.name))
    where = (
        f"Queries of class `{name}`: " if cause.kind == "query class" else f"{_PLACE[cause.kind]} {name}, "
    )
    slots = _slots(cause, episode)
    clear = [i for i in slots if far[i]] or slots
    told = f"{where}{metric_title(cause.metric)} {_movement(cause, episode, clear)}"
    told += f"{_spread(cause, episode, far, slots)} at {_time(cause.since, zone)}"
    told += ", first of all" if first else ""
    return f"{told}{_usual(cause, episode, clear)}{_callers(cause, episode, far, graph)}."


def _repeats(cause: Cause, told: Sequence[Cause], episode: Episode) -> bool:
    """Return whether a cause is the group of what is told of a node, service or query class before it."""
    before = [one for one in told[: told.index(cause)] if one.kind != "group"]
    groups = {
        one.group
        for earlier in before
        for one in episode.series
        if (one.node, one.metric) == (earlier.name, earlier.metric)
    }
    return cause.kind == "group" and cause.name in groups


def _slots(cause: Cause, episode: Episode) -> list[int]:
    """Return the series that a sentence is about: the metric of the entity, or of all entities for a group."""
    return [
        i
        for i, one in enumerate(episode.series)
        if one.metric == cause.metric
        and (
            one.group == cause.name and one.of != "query class"
            if cause.kind == "group"
            else one.node == cause.name
        )
    ]


def _movement(cause: Cause, episode: Episode, slots: Sequence[int]) -> str:
    during = since(episode)
    before, now = cause.before, cause.now
    if len(slots) > 1:  # a group: what is typical of the nodes on which it deviates
        values = episode.values[:, slots]
        before, now = _median(values[~during]), _median(values[during])
    if not np.isfinite(now):
        return "has had no value since" if np.isfinite(before) else "is missing"
    was, is_now = figures(cause.metric, (before, now))
    if not np.isfinite(before) or was == is_now:
        return f"is at {is_now}"
    return f"{'rose' if now > before else 'fell'} from {was} to {is_now}"


def _spread(cause: Cause, episode: Episode, far: BoolArray, slots: Sequence[int]) -> str:
    """Return on how many nodes a group deviates."""
    nodes = [i for i in slots if episode.series[i].node != WHOLE]
    if cause.kind != "group" or len(nodes) < 2:
        return ""
    count = int(np.count_nonzero(far[nodes]))
    what = "services" if episode.series[nodes[0]].of == "service" else "nodes"
    return f" on all {count} {what}" if count == len(nodes) else f" on {count} of {len(nodes)} {what}"


def _deviates(episode: Episode) -> BoolArray:
    """Return which series deviate clearly in a window of the incident."""
    sizes = np.nan_to_num(np.abs(episode.deviations[since(episode)]))
    return np.asarray(sizes.max(axis=0, initial=0.0) >= LIMIT)


def _usual(cause: Cause, episode: Episode, slots: Sequence[int]) -> str:
    """Return the usual band of what is told, where one is known."""
    band = _median(episode.usual_low[slots]), _median(episode.usual_high[slots])
    if not np.isfinite(band).all():
        return ""
    low, high = figures(cause.metric, band)
    return f" (usually {low} to {high})" if low != high else f" (usually {low})"


def _callers(cause: Cause, episode: Episode, far: BoolArray, graph: CallGraph | None) -> str:
    """Return which callers of a service deviate, too."""
    if graph is None:
        return ""
    names = sorted({one.node for one in episode.series})
    deviating = {episode.series[i].node for i in np.flatnonzero(far)}
    callers = [caller for caller, callee in sorted(graph.among(names).calls) if callee == cause.name]
    felt = [_short(caller) for caller in callers if caller in deviating]
    if not felt:
        return ""
    told = ", ".join(felt[:NAMED]) + (f" and {len(felt) - NAMED} more" if len(felt) > NAMED else "")
    return f"; it is called by {told}, which {'deviates' if len(felt) == 1 else 'deviate'}, too"


def _change(cause: Cause, episode: Episode, zone: tzinfo) -> str:
    gap = episode.onset - cause.since
    when = f"{_span(gap)} before" if gap >= 1.0 else "with the onset"
    return f"A {_short(cause.name)} came {when}, at {_time(cause.since, zone)}."


def _span(seconds: float) -> str:
    count, unit = (round(seconds), "second") if seconds < 90.0 else (round(seconds / 60.0), "minute")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _time(ts: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(ts, zone):%H:%M}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
