"""What is to blame for an incident of a data platform: metric groups, nodes, query classes, services and changes."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.platform.blame import WEIGHTS, blame_down, common, excess, precedence
from stream_app.core.platform.evidence import Evidence, cells, evidence
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import WHOLE, Cause, CauseKind, Change, Episode, Group

__all__ = ["CHANGE_LEAD", "rank_causes", "top_causes"]

CHANGE_LEAD = 3_600.0
"""Seconds before the onset within which a change is named; half of its weight is left after a quarter of them."""
DOUBT = 0.25
"""Score of causes that no series shows: where all are weak, none has a large share."""
LEAST = 0.01
"""Smallest share that is told."""
GROUPS: tuple[Group, ...] = get_args(Group)
ROLE = np.array([WEIGHTS.get(group, 1.0) for group in GROUPS])
ORDER: tuple[CauseKind, ...] = ("service", "node", "query class", "group", "change")
"""Kinds from the most particular to the most general, which decides between equal shares."""


def rank_causes(episode: Episode, graph: CallGraph | None = None, changes: Sequence[Change] = ()) -> tuple[Cause, ...]:
    """Rank what may be to blame for an incident, each kind of cause for itself.

    A *node* is blamed for what it shows beyond most other nodes, a *query class* for what it shows beyond most other
    classes, a metric *group* for what most nodes show of it or one node shows strongly, a *service* for what it shows
    that the services it calls do not explain. Who deviates later has less weight, and groups in which an incident is
    felt rather than made (queries, latency, errors, volume of requests) have less than resources. A *change* is
    named where it came within ``CHANGE_LEAD`` before the onset.

    Parameters
    ----------
    episode : Episode
        Windows from some before the onset up to the newest.
    graph : CallGraph, optional
        Who calls whom among services, or among nodes that bear the names of services.
    changes : sequence of Change, optional
        Deployments and changes of configuration.

    Returns
    -------
    tuple of Cause
        Best first within a kind; causes with less than a hundredth of the share of their kind are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_app.core.platform.series import Series
    >>> series = tuple(Series(name, "latency", "latency", "service", True) for name in ("shop", "pay"))
    >>> deviations = np.array([[0.1, -0.2], [0.3, 0.4], [7.0, 6.0], [8.0, 7.0]])
    >>> usual = np.ones(2)
    >>> episode = Episode(np.arange(60.0, 300.0, 60.0), 1.0 + deviations, deviations, usual, usual, series, 120.0)
    >>> [cause.name for cause in rank_causes(episode, CallGraph.from_depends_on({"shop": ["pay"]})) if cause.kind == "service"]
    ['pay', 'shop']
    """
    if not len(episode.ends) or not episode.series:
        return _changes(changes, episode, ())
    found = evidence(episode)
    measured = (
        *_services(episode, found, graph),
        *_nodes(episode, found, graph),
        *_query_classes(episode, found),
        *_groups(episode, found),
    )
    return (*measured, *_changes(changes, episode, measured))


def top_causes(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """Put causes of all kinds into one list, best first.

    A share says how much one cause stands out in its kind: where all nodes deviate alike each has a small one, and the
    group in which they do has a large one. Changes have half of theirs: that something came before is less
    than that it shows.

    Parameters
    ----------
    causes : sequence of Cause
        What ``rank_causes`` gives.

    Returns
    -------
    tuple of Cause
        The same causes.
    """

    def key(cause: Cause) -> tuple[float, int, float, str]:
        share = cause.share / 2.0 if cause.kind == "change" else cause.share
        return -share, ORDER.index(cause.kind), cause.since, cause.name

    return tuple(sorted(causes, key=key))


def _services(episode: Episode, found: Evidence, graph: CallGraph | None) -> tuple[Cause, ...]:
    slots = _of(episode, "service")
    names, rows = _entities(episode, slots)
    table = cells(found.strength[slots], rows, _columns(episode, slots), (len(names), len(GROUPS)))
    return _causes("service", names, rows, slots, _scores(names, rows, slots, table, episode, found, graph), found)


def _nodes(episode: Episode, found: Evidence, graph: CallGraph | None) -> tuple[Cause, ...]:
    slots = np.array([i for i in _of(episode, "node") if episode.series[i].node != WHOLE], dtype=np.int64)
    names, rows = _entities(episode, slots)
    table = excess(cells(found.strength[slots], rows, _columns(episode, slots), (len(names), len(GROUPS))))
    return _causes("node", names, rows, slots, _scores(names, rows, slots, table, episode, found, graph), found)
