"""How much of what a service got worse by its callees can account for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.series import Group, Series
from stream_app.core.platform.symptoms import Evidence

__all__ = ["Amounts", "amounts"]


class Amounts(NamedTuple):
    """What the figures of caller and callee say of each call.

    Parameters
    ----------
    part : ndarray of shape (e, g)
        Part of the caller's rise in each group that the callee's accounts for, from 0 to 1; 1 where they have no
        metric in common.
    volume : ndarray of shape (e,)
        Requests of the callee for one of the caller, 1 at most; 1 where the volume of one is unknown.
    """

    part: FloatArray
    volume: FloatArray


def amounts(
    calls: Sequence[tuple[str, str]], series: Sequence[Series], found: Evidence, groups: Sequence[Group]
) -> Amounts:
    """Compare by how much caller and callee got worse in the metrics that both have.

    A callee that is 6 ms slower does not explain a caller that is 400 ms slower, however unusual 6 ms are for it. Metrics
    of one name have one unit. A callee accounts for its rise times its requests for one of the caller, for its rise alone
    where it has fewer: a quantile of the caller follows from the few calls that are slow.

    Parameters
    ----------
    calls : sequence of (str, str)
        Caller and callee of each edge.
    series : sequence of Series
        Series of services or nodes.
    found : Evidence
        What the episode says of them.
    groups : sequence of str
        Groups, in the order of the columns.

    Returns
    -------
    Amounts
        A row for each edge.
    """
    slots: dict[str, dict[str, int]] = {}
    for i, one in enumerate(series):
        slots.setdefault(one.node, {})[one.metric] = i
    sign = np.array([-1.0 if one.higher_is_worse is False else 1.0 for one in series])
    rise = sign * (found.now - found.before)
    column = {group: i for i, group in enumerate(groups)}
    part = np.ones((len(calls), len(groups)))
    volume = np.ones(len(calls))
    for edge, (caller, callee) in enumerate(calls):
        shared = sorted(slots.get(caller, {}).keys() & slots.get(callee, {}).keys())
        pairs = [(slots[caller][metric], slots[callee][metric]) for metric in shared]
        requests = [
            found.now[j] / found.now[i]
            for i, j in pairs
            if series[i].group == "requests" and found.now[i] > 0.0
        ]
        ratio = max((value for value in requests if np.isfinite(value)), default=1.0)
        volume[edge] = min(ratio, 1.0)
        for group in {series[i].group for i, _ in pairs}:
            of_group = [(i, j) for i, j in pairs if series[i].group == group]
            part[edge, column[group]] = _part(rise, of_group, max(ratio, 1.0))
    return Amounts(part, volume)


def _part(rise: FloatArray, pairs: Sequence[tuple[int, int]], ratio: float) -> float:
    """Return the largest part of a caller's rise that a callee's accounts for in one of some metrics."""
    parts = [rise[j] * ratio / rise[i] for i, j in pairs if rise[i] > 0.0 and np.isfinite(rise[j])]
    return float(np.clip(max(parts), 0.0, 1.0)) if parts else 1.0
