"""What charts draw of a source: its channels over time with their usual bands, and what happened meanwhile."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stream_app.events import Alert
from stream_app.store import IncidentStatus, Series

__all__ = ["drawn", "happened"]

_POINTS = 400
"""Most points of a chart: about one for two or three pixels."""
_LEAST_POINTS = 60
_USUAL = (0.01, 0.99)
_LEAST_USUAL = 20
"""Points outside of incidents that a usual band needs."""
_CHANNELS = 64
_CHANGES = frozenset({"drift", "changepoint"})
"""Kinds of alerts that are marked."""


def drawn(
    whole: Series,
    begin: float,
    end: float,
    *,
    incidents: Sequence[IncidentStatus] = (),
    units: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the channels between two times, as JSON has them; ``assets/chart.js`` draws them.

    Parameters
    ----------
    whole : Series
        All that is kept of the source, by which a band is usual.
    begin, end : float
        What is drawn, in epoch seconds.
    incidents : sequence of IncidentStatus
        Those of the source; what was then is not usual.
    units : mapping of str to str, optional
        Channel to unit.
    only : sequence of str
        Channels that are drawn, in this order; all where none is named.

    Examples
    --------
    >>> drawn(Series.empty(("flow",)), 0.0, 60.0)["channels"]
    [{'name': 'flow', 'unit': '', 'mean': [], 'min': [], 'max': [], 'usual': None}]
    """
    quiet = np.ones(len(whole), bool)
    for one in incidents:
        until = math.inf if one.incident.firing else one.incident.changed_at
        quiet &= (whole.time + whole.width < one.incident.started_at) | (whole.time > until)
    part = _even(whole.between(begin, end))
    names = [name for name in only if name in whole.channels] if only else whole.channels[:_CHANNELS]
    places = [(name, whole.channels.index(name)) for name in names]
    return {
        "begin": begin,
        "end": end,
        "time": (part.time + part.width / 2.0).tolist(),
        "width": part.width.tolist(),
        "score": _list(part.score),
        "channels": [
            {
                "name": name,
                "unit": (units or {}).get(name, ""),
                "mean": _list(part.mean[:, i]),
                "min": _list(part.min[:, i]),
                "max": _list(part.max[:, i]),
                "usual": _usual(whole, i, quiet),
            }
            for name, i in places
        ],
    }


def happened(incidents: Sequence[IncidentStatus], alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return what charts mark: incidents, the newest first, and alerts of drift and changes."""
    return {
        "incidents": [
            {
                "id": one.incident.id,
                "begin": one.incident.started_at,
                "end": None if one.incident.firing else one.incident.changed_at,
                "severity": one.severity.value,
                "summary": one.incident.summary,
                "channels": [channel for channel, _ in one.incident.channels],
            }
            for one in reversed(incidents)
        ],
        "marks": [
            {"id": alert.id, "at": alert.started_at, "channel": alert.channel}
            for alert in alerts
            if alert.kind in _CHANGES
        ],
    }


def _even(part: Series) -> Series:
    """Return points of about one width: older ones stand for more, and the newest would look as if they varied more."""
    if not len(part):
        return part
    length = float(part.time[-1] + part.width[-1] - part.time[0])
    return part.thinned(int(min(max(length / float(part.width.max()), _LEAST_POINTS), _POINTS)))


def _usual(whole: Series, channel: int, quiet: Any) -> list[float] | None:
    """Return the band in which nearly all is that is kept and outside of incidents."""
    low, high = whole.min[quiet, channel], whole.max[quiet, channel]
    low, high = low[np.isfinite(low)], high[np.isfinite(high)]
    if len(low) < _LEAST_USUAL:
        return None
    return [float(np.quantile(low, _USUAL[0])), float(np.quantile(high, _USUAL[1]))]


def _list(values: Any) -> list[float | None]:
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]
