"""The worst deviation of each group of metrics on each node, and over all nodes."""

from collections.abc import Sequence
from typing import NamedTuple, get_args

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform import Series
from stream_app.core.platform.series import Group

__all__ = ["GROUPS", "Heat", "heat_of"]

GROUPS: tuple[Group, ...] = get_args(Group)
"""All groups, in the order of the columns."""


class Heat(NamedTuple):
    """Worst deviations, with their signs; NaN where there are none.

    Parameters
    ----------
    nodes : tuple of str
        Names of the nodes, services and the whole, those of classes of queries left out.
    cells : array, shape (nodes, groups)
        Of each node and group.
    groups : array, shape (groups,)
        Of each group, classes of queries included.
    """

    nodes: tuple[str, ...]
    cells: FloatArray
    groups: FloatArray


def heat_of(series: Sequence[Series], deviations: FloatArray) -> Heat:
    """Return the worst deviations.

    Parameters
    ----------
    series : sequence of Series
        At least as many as there are deviations.
    deviations : array, shape (n,)
        Signed normal scores; NaN where unknown.

    Examples
    --------
    >>> series = [Series("a", "load", "cpu"), Series("a", "idle", "cpu"), Series("b", "free", "memory")]
    >>> heat = heat_of(series, np.array([1.0, -4.0, 2.0]))
    >>> heat.nodes, heat.cells[:, :2].tolist()
    (('a', 'b'), [[-4.0, nan], [nan, 2.0]])
    """
    known = np.flatnonzero(np.isfinite(deviations)).tolist()
    # The smallest first, so that the largest of a cell is what stays.
    known.sort(key=lambda slot: abs(deviations[slot]))
    nodes = sorted({one.node for one in series[: len(deviations)] if one.of != "query class"})
    rows = {node: row for row, node in enumerate(nodes)}
    columns = {group: column for column, group in enumerate(GROUPS)}
    cells, groups = np.full((len(nodes), len(GROUPS)), np.nan), np.full(len(GROUPS), np.nan)
    for slot in known:
        one = series[slot]
        column = columns[one.group]
        groups[column] = deviations[slot]
        if one.of != "query class":
            cells[rows[one.node], column] = deviations[slot]
    return Heat(tuple(nodes), cells, groups)
