"""What is to blame for an incident of a data platform: metric groups, nodes, query classes, services and changes."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.platform.amounts import amounts
from stream_app.core.platform.blame import WEIGHTS, blame_down, common, excess, precedence
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import WHOLE, Cause, CauseKind, Change, Episode, Group, Series
from stream_app.core.platform.symptoms import Evidence, cells, evidence

__all__ = ["CHANGE_LEAD", "rank_causes", "top_causes"]

CHANGE_LEAD = 3_600.0
"""Seconds before the onset within which a change is named; half of its weight is left after a quarter of them."""
DOUBT = 0.25
"""Score of causes that no series shows: where all are weak, none has a large share."""
LEAST = 0.01
"""Smallest share that is told."""
GROUPS: tuple[Group, ...] = get_args(Group)
PARTIAL = 0.7
"""What a group that deviates on one node weighs beside one that deviates on most."""
ELSEWHERE = 0.5
"""What a change on nodes that are not blamed weighs beside one that is on a blamed node or everywhere."""
COINCIDENCE = 0.25
"""Weight of a change beside what is measured: busy platforms are changed every hour."""
BLAMED = 0.2
"""Share from which a node or service is blamed."""
ROLE = np.array([WEIGHTS.get(group, 1.0) for group in GROUPS])
SERVICE_ROLE = np.array([0.25 if group == "requests" else 1.0 for group in GROUPS])
"""Weight of each group for services, where slowness and errors are all that there is; their requests follow from their callers."""
ORDER: tuple[CauseKind, ...] = ("service", "node", "query class", "group", "change")
"""Kinds from the most particular to the most general, which decides between equal shares."""


class _Entities(NamedTuple):
    """Entities of one kind; the series, their rows and columns, and the strength of each pair (NaN where no series)."""

    names: tuple[str, ...]
    slots: IntArray
    rows: IntArray
    columns: IntArray
    table: FloatArray


def rank_causes(
    episode: Episode, graph: CallGraph | None = None, changes: Sequence[Change] = ()
) -> tuple[Cause, ...]:
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
        return tuple(_changes(changes, episode, ()))
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
    group in which they do has a large one. Changes have a quarter of theirs: that something came before is less
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
        share = cause.share * COINCIDENCE if cause.kind == "change" else cause.share
        return -share, ORDER.index(cause.kind), cause.since, cause.name

    return tuple(sorted(causes, key=key))


def _services(episode: Episode, found: Evidence, graph: CallGraph | None) -> list[Cause]:
    services = _entities(episode, found, [i for i, one in enumerate(episode.series) if one.of == "service"])
    return _causes(
        "service",
        services,
        _blame(services, services.table * SERVICE_ROLE, episode, found, graph),
        episode,
        found,
    )


def _nodes(episode: Episode, found: Evidence, graph: CallGraph | None) -> list[Cause]:
    slots = [i for i, one in enumerate(episode.series) if one.of == "node" and one.node != WHOLE]
    nodes = _entities(episode, found, slots)
    return _causes(
        "node", nodes, _blame(nodes, excess(nodes.table) * ROLE, episode, found, graph), episode, found
    )


def _query_classes(episode: Episode, found: Evidence) -> list[Cause]:
    slots = [i for i, one in enumerate(episode.series) if one.of == "query class" and one.node != WHOLE]
    classes = _entities(episode, found, slots, by="metric")
    table = excess(classes.table) * WEIGHTS["queries"]
    return _causes("query class", classes, _blame(classes, table, episode, found, None), episode, found)


def _groups(episode: Episode, found: Evidence) -> list[Cause]:
    """Rank groups, each by what the nodes have in common of it or by what one of them shows."""
    slots = [i for i, one in enumerate(episode.series) if one.of != "query class" or one.node == WHOLE]
    nodes = _entities(episode, found, slots)
    shown = np.fmax(common(nodes.table), PARTIAL * np.nan_to_num(nodes.table).max(axis=0, initial=0.0)) * ROLE
    groups = _Entities(GROUPS, nodes.slots, nodes.columns, nodes.columns, np.nan_to_num(shown)[:, None])
    return _causes("group", groups, _blame(groups, groups.table, episode, found, None), episode, found)


def _entities(
    episode: Episode, found: Evidence, slots: Sequence[int], by: Literal["group", "metric"] = "group"
) -> _Entities:
    """Gather the series of entities into a table of entities and groups, or metrics."""
    series = [episode.series[i] for i in slots]
    names, rows = _numbered([one.node for one in series])
    labels, columns = (
        _numbered([one.metric for one in series]) if by == "metric" else (GROUPS, _placed(series))
    )
    kept = np.array(slots, dtype=np.int64)
    table = cells(found.strength[kept], rows, columns, (len(names), len(labels)))
    return _Entities(names, kept, rows, columns, table)


def _numbered(words: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """Return the different words in their order, and the place of each of the given ones among them."""
    names = tuple(sorted(set(words)))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[word] for word in words], dtype=np.int64)


def _placed(series: Sequence[Series]) -> IntArray:
    return np.array([GROUPS.index(one.group) for one in series], dtype=np.int64)


def _blame(
    entities: _Entities, symptoms: FloatArray, episode: Episode, found: Evidence, graph: CallGraph | None
) -> FloatArray:
    """Return how much each entity is to blame: its squared symptoms in sum, by its precedence, after the flow down the calls."""
    squares = np.nan_to_num(symptoms) ** 2
    window = float(np.median(np.diff(episode.ends))) if len(episode.ends) > 1 else 0.0
    strongest = np.nan_to_num(entities.table).max(axis=1, initial=0.0)
    weights = precedence(_began(entities, found, episode), strongest, window)
    if graph is None:
        scores: FloatArray = squares.sum(axis=1) * weights
        return scores
    names = entities.names
    calls = sorted(graph.among(names).calls)
    kept = Evidence(
        *(field[entities.slots] for field in (found.strength, found.began, found.before, found.now))
    )
    figures = amounts(calls, [episode.series[i] for i in entities.slots.tolist()], kept, GROUPS)
    row = {name: i for i, name in enumerate(names)}
    return blame_down(squares, weights, [(row[caller], row[callee]) for caller, callee in calls], figures)


def _began(entities: _Entities, found: Evidence, episode: Episode) -> FloatArray:
    """Return when each entity began to deviate: the first of its series that are at least half as strong as its strongest."""
    strength = found.strength[entities.slots]
    most = np.zeros(len(entities.names))
    np.maximum.at(most, entities.rows, strength)
    clear = (strength > 0.0) & (strength >= most[entities.rows] / 2.0)
    began = np.full(len(entities.names), np.inf)
    np.minimum.at(began, entities.rows[clear], found.began[entities.slots][clear])
    began[np.isinf(began)] = episode.onset
    return began


def _causes(
    kind: CauseKind, entities: _Entities, scores: FloatArray, episode: Episode, found: Evidence
) -> list[Cause]:
    shares = scores / (scores.sum() + DOUBT)
    began = _began(entities, found, episode)
    causes = []
    for row in sorted(
        np.flatnonzero(shares >= LEAST).tolist(), key=lambda i: (-shares[i], entities.names[i])
    ):
        slots = entities.slots[entities.rows == row]
        slot = int(slots[np.argmax(found.strength[slots])])
        causes.append(
            Cause(
                kind=kind,
                name=entities.names[row],
                share=float(shares[row]),
                since=float(began[row]),
                metric=episode.series[slot].metric,
                before=float(found.before[slot]),
                now=float(found.now[slot]),
            )
        )
    return causes


def _changes(changes: Sequence[Change], episode: Episode, measured: Sequence[Cause]) -> list[Cause]:
    """Name the changes shortly before the onset, those at a blamed node or everywhere with more weight."""
    window = float(np.median(np.diff(episode.ends))) if len(episode.ends) > 1 else 0.0
    blamed = {cause.name for cause in measured if cause.kind in ("node", "service") and cause.share >= BLAMED}
    scores: dict[str, tuple[float, float]] = {}
    for change in changes:
        gap = episode.onset - change.ts
        if not -window <= gap <= CHANGE_LEAD:
            continue
        there = not change.nodes or not blamed.isdisjoint(change.nodes)
        score = (1.0 if there else ELSEWHERE) * 0.5 ** (max(gap, 0.0) / (CHANGE_LEAD / 4.0))
        name = described(change)
        scores[name] = max(scores.get(name, (0.0, 0.0)), (score, change.ts))
    total = sum(score for score, _ in scores.values()) + DOUBT
    return [
        Cause(kind="change", name=name, share=float(score / total), since=ts)
        for name, (score, ts) in sorted(scores.items(), key=lambda item: (-item[1][0], item[0]))
        if score / total >= LEAST
    ]


def described(change: Change) -> str:
    """Return the name of a change in words.

    Examples
    --------
    >>> described(Change(0.0, "deployment", "worker image", ("worker-1",), "475"))
    'deployment of worker image 475 on worker-1'
    """
    what = " ".join(word for word in (change.what, change.version) if word)
    where = f" on {', '.join(change.nodes)}" if change.nodes else ""
    return f"{change.kind} of {what}{where}"
