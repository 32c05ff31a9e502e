"""From how strongly entities got worse to which of them the others follow."""

from collections.abc import Sequence

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.amounts import Amounts
from stream_app.core.platform.series import Group

__all__ = ["WEIGHTS", "blame_down", "excess", "precedence"]

WEIGHTS: dict[Group, float] = {"queries": 0.5, "latency": 0.5, "errors": 0.5, "requests": 0.25, "other": 0.75}
"""How much the strength of a group says of a cause; 1 for the other groups.

Slow or failing queries are how an incident is felt, and the volume of requests follows from the users and from what is
slow; what a machine or a store lacks is nearer to the cause.
"""
CROSS = 0.5
"""How well another symptom of a callee explains a caller's: slow callees make errors by timeouts, failing ones delays by retries."""
UNFELT = 0.25
"""Weight of a service that deviates while no caller of it does: a fault, perhaps, but not the one that is felt."""
PASSED = 0.95
"""Largest part of the blame that a service passes on: its own fault is never ruled out."""
PATIENCE = 4.0
"""Windows after the first at which half of the weight remains: who deviates late follows rather than leads."""


def excess(table: FloatArray) -> FloatArray:
    """Return by how much each row is above what is common to the rows, the lower median of a column.

    What all nodes show alike is not the fault of one of them.

    Examples
    --------
    >>> import numpy as np
    >>> excess(np.array([[0.9, 0.8], [0.1, 0.8], [0.1, 0.7]])).round(2).tolist()
    [[0.8, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    alone = np.isfinite(table).sum(axis=0) < 2  # nothing in common with others
    above: FloatArray = np.maximum(table - np.where(alone, 0.0, common(table)), 0.0)
    return above


def common(table: FloatArray) -> FloatArray:
    """Return the lower median of each column over the rows that have it; NaN where none has."""
    if not len(table):
        return np.full(table.shape[1], np.nan)
    middle = np.maximum(np.isfinite(table).sum(axis=0) - 1, 0) // 2
    medians: FloatArray = np.take_along_axis(np.sort(table, axis=0), middle[None, :], axis=0)[0]
    return medians


def precedence(began: FloatArray, strength: FloatArray, window: float) -> FloatArray:
    """Return weights from 0 to 1 of entities by when each began to deviate, against the first of those with a strength of one half.

    Parameters
    ----------
    began : ndarray of shape (n,)
        When each began to deviate, epoch seconds.
    strength : ndarray of shape (n,)
        How strongly it does.
    window : float
        Seconds of a window.

    Returns
    -------
    ndarray of shape (n,)
        1 for the first; ``PATIENCE`` windows later one half.
    """
    clear = strength >= 0.5
    first = began[clear].min() if clear.any() else np.inf
    late = np.maximum(began - first, 0.0) / max(window, 1e-9) if np.isfinite(first) else np.zeros(len(began))
    weights: FloatArray = 1.0 / (1.0 + late / PATIENCE)
    return weights


def blame_down(
    symptoms: FloatArray, weights: FloatArray, calls: Sequence[tuple[int, int]], figures: Amounts
) -> FloatArray:
    """Let the blame of each service flow down its calls to those whose deviation explains its own.

    A service holds as much blame at first as it deviates. It passes on the part that its callees explain, to each in
    proportion and by the calls that it takes: a callee explains a symptom as far as it shows the same as strongly and its
    figures account for the caller's, or another symptom half as well. What arrives flows on in the same way, to the deepest services that deviate. In a cycle of calls the flow ends because
    a part stays at each service.

    Parameters
    ----------
    symptoms : ndarray of shape (n, s)
        How strongly each of them shows each symptom, from 0 to 1.
    weights : ndarray of shape (n,)
        Weight of each as an explanation, such as its precedence.
    calls : sequence of (int, int)
        Caller and callee of each edge, by their rows.
    figures : Amounts
        What their figures say, an entry for each edge.

    Returns
    -------
    ndarray of shape (n,)
        Blame of each, in sum that of all symptoms.

    References
    ----------
    Kim, Sumbaly, Shah: Root Cause Detection in a Service-Oriented Architecture. SIGMETRICS 2013.
    Wu, Tordsson, Elmroth, Kao: MicroRCA: Root Cause Localization of Performance Issues in Microservices. NOMS 2020.
    """
    heard = UNFELT + (1.0 - UNFELT) * felt(symptoms.max(axis=1, initial=0.0), calls)
    explained = np.zeros((len(symptoms), len(symptoms)))
    carried = np.zeros_like(explained)
    for (i, j), part, volume in zip(calls, figures.part, figures.volume.tolist(), strict=True):
        explained[i, j] = _explained(symptoms[i], symptoms[j], part) * weights[j]
        carried[i, j] = explained[i, j] * volume
    total = carried.sum(axis=1)
    onward = np.where(total > 0.0, PASSED * explained.max(axis=1, initial=0.0), 0.0)
    kept = 1.0 - onward
    passed = carried * (onward / np.where(total > 0.0, total, 1.0))[:, None]
    arrived = np.linalg.solve(np.eye(len(symptoms)) - passed.T, symptoms.sum(axis=1) * weights * heard)
    blame: FloatArray = kept * arrived
    return blame


def felt(strength: FloatArray, calls: Sequence[tuple[int, int]]) -> FloatArray:
    """Return how strongly what each service does is felt where the calls come from, from 0 to 1.

    That is the weakest deviation on the way up to a service that nobody calls, on the way where it is strongest; 1 where
    nobody calls it, and where calls come from a cycle only.

    Parameters
    ----------
    strength : ndarray of shape (n,)
        How strongly each service deviates.
    calls : sequence of (int, int)
        Caller and callee of each edge.

    Returns
    -------
    ndarray of shape (n,)
        How strongly each is felt.

    Examples
    --------
    >>> import numpy as np
    >>> felt(np.array([0.6, 0.9, 0.9]), [(0, 1), (1, 2)]).tolist()
    [1.0, 0.6, 0.6]
    """
    called = {callee for _, callee in calls}
    above: FloatArray = np.array([-1.0 if i in called else 1.0 for i in range(len(strength))])
    changed = True
    while changed:  # each round settles a service more at least
        changed = False
        for caller, callee in calls:
            through = min(float(above[caller]), float(strength[caller]))
            if through > above[callee]:
                above[callee] = through
                changed = True
    return np.where(above < 0.0, 1.0, above)


def _explained(caller: FloatArray, callee: FloatArray, part: FloatArray) -> float:
    """Return the part of a caller's symptoms that a callee's explain."""
    felt_there = float(caller.sum())
    if felt_there <= 0.0:
        return 0.0
    others = np.array([np.delete(callee, k).max(initial=0.0) for k in range(len(callee))])
    cover = np.maximum(callee * part, CROSS * others)
    return float(np.minimum(caller, cover).sum()) / felt_there
