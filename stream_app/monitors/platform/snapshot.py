"""What the page *Platform* shows of one platform.

===============  ==================================================================================================
``ts``           end of the newest window, epoch seconds
``window``       its length in seconds
``score``        evidence that the platform gets worse
``threshold``    the bound by the false-alarm budget
``nodes``        names; ``*`` is the whole
``groups``       names of groups of metrics
``heat``         for each node, the worst signed deviation of each group, or null
``timeline``     ``[end, score, threshold, open]`` of the newest windows
``incidents``    ids of the newest incidents, the oldest first
``causes``       of the newest incident, see `AlertCause`, most to blame first
``explanation``  the same as a paragraph
``classes``      queries by class: ``class``, ``pattern``, ``count``, ``wall`` seconds between ``usual_low`` and ``usual_high``,
                 ``deviation``, ``failures``; those that deviate most first
``changes``      deployments and the like: ``ts``, ``kind``, ``what``, ``nodes``, ``version``
``models``       ``name``, ``label``, ``score`` of each model that runs beside the detector
``points``       ``[x, y, open]`` of the newest windows, in the plane in which they spread most
===============  ==================================================================================================
"""

import math
from typing import TYPE_CHECKING, Any

from stream_app.core.platform import WHOLE
from stream_app.monitors.platform.heat import GROUPS
from stream_app.monitors.platform.query_classes import QueryClass

if TYPE_CHECKING:
    from stream_app.monitors.platform.source import SourceMonitor

__all__ = ["LOG_MOST", "snapshot_of"]

LOG_MOST = 60.0
"""Logarithm of seconds beyond which none are told apart: the band of a class that was steady, and then is not, is wide."""

_MOST_CLASSES = 100
_MOST_CHANGES = 50

_COUNT, _WALL, _FAILURES = 0, 1, 4
"""Places of figures in the series of a class."""


def snapshot_of(monitor: "SourceMonitor") -> dict[str, Any]:
    """Return what the page shows of a platform, as plain values."""
    detection, heat = monitor.detection, monitor.heat
    newest = detection.timeline[-1].tolist() if len(detection.timeline) else [0.0, 0.0, 0.0, 0.0]
    finding = detection.finding
    return {
        "ts": newest[0],
        "window": monitor.config.window,
        "score": newest[1],
        "threshold": newest[2],
        "nodes": heat.nodes,
        "groups": GROUPS,
        "heat": [[_rounded(value) for value in row] for row in heat.cells.tolist()],
        "timeline": [
            [end, _rounded(s), _rounded(t), bool(o)] for end, s, t, o in detection.timeline.tolist()
        ],
        "incidents": list(monitor.incidents),
        "causes": [cause.model_dump() for cause in finding.causes],
        "explanation": finding.explanation,
        "classes": _classes(monitor),
        "changes": [
            {"ts": c.ts, "kind": c.kind, "what": c.what, "nodes": c.nodes, "version": c.version}
            for c in list(monitor.intake.changes)[-_MOST_CHANGES:]
        ],
        "models": [
            {"name": name, "label": label, "score": _rounded(score)}
            for name, (label, score) in monitor.models.verdicts.items()
        ],
        "points": [[x, y, bool(o)] for x, y, o in monitor.plane.points().round(3).tolist()],
    }


def _classes(monitor: "SourceMonitor") -> list[dict[str, Any]]:
    rows = [
        _class(monitor, name, one) for name, one in monitor.intake.queries.classes.items() if name != WHOLE
    ]
    rows.sort(key=lambda row: (-abs(row["deviation"] or 0.0), -(row["count"] or 0.0), row["class"]))
    return rows[:_MOST_CLASSES]


def _class(monitor: "SourceMonitor", name: str, one: QueryClass) -> dict[str, Any]:
    recent, usual = monitor.detection.recent, monitor.detection.usual
    wall = one.slots[_WALL]
    low, high = usual[:, wall].tolist() if wall < usual.shape[1] else (math.nan, math.nan)
    return {
        "class": name,
        "pattern": one.pattern,
        "count": _rounded(recent.newest(one.slots[_COUNT])),
        "wall": _seconds(recent.last(wall)),
        "usual_low": _seconds(low),
        "usual_high": _seconds(high),
        "deviation": _rounded(recent.last_deviation(wall)),
        "failures": _rounded(recent.last(one.slots[_FAILURES])),
    }


def _rounded(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def _seconds(logarithm: float) -> float | None:
    return round(math.exp(min(logarithm, LOG_MOST)), 3) if math.isfinite(logarithm) else None
