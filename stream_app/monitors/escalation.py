"""When an alert that goes on becomes critical: by the size of what it is about by then, or since it has lasted for a day.

An anomaly is told as soon as it is sure, when it may still be small. What its channel does since then says how far it went.
Missing or stuck data, and a model's rate, have no size that grows; they are more serious when nobody has seen to them within a day.
What is a moment, such as drift, has no course: more signals of it say how large it is. An alert never becomes less severe
while it fires: its end says that it is over.
"""

import math
from collections.abc import Mapping

import numpy as np

from stream_app.core.alerting import severity_of_mean
from stream_app.core.arrays import FloatArray
from stream_app.events import Alert, Severity

__all__ = ["first_look", "has_grown", "next_look"]

_FIRST_SECONDS = 60.0
_LONG_SECONDS = 86_400.0
_FEWEST = 8
"""Rows whose mean says something."""


def first_look(alert: Alert) -> float:
    """Return the event time from which on an alert that begins is looked at again; infinite where it is critical."""
    if alert.severity is Severity.CRITICAL:
        return math.inf
    return alert.started_at + (_LONG_SECONDS if alert.usual_band is None else _FIRST_SECONDS)


def next_look(alert: Alert, ts: float) -> float:
    """Return when an alert that was looked at is looked at again: when it has lasted twice as long, and after a day for the last time.

    Examples
    --------
    >>> from stream_app.events import LogId
    >>> alert = Alert.begun(
    ...     "pumps", "pump-1", "anomaly", LogId(0), 7, kind="anomaly", started_at=1000.0, statistic=9.0, threshold=5.0,
    ...     summary="flow fell",
    ... )
    >>> next_look(alert, 1060.0), next_look(alert, 61_000.0), next_look(alert, 90_000.0)
    (1120.0, 87400.0, inf)
    """
    lasted = ts - alert.started_at
    if alert.severity is Severity.CRITICAL or lasted >= _LONG_SECONDS:
        return math.inf
    return alert.started_at + min(2.0 * lasted, _LONG_SECONDS)


def has_grown(
    alert: Alert, ts: float, course: tuple[FloatArray, FloatArray] | None
) -> Mapping[str, float] | None:
    """Return the context of an alert that is critical by now; None where it is not.

    Parameters
    ----------
    alert : Alert
        That fires.
    ts : float
        The time, in epoch seconds of event time.
    course : (array, array), shape (n,), or None
        Times and values of the newest rows of the channel that it blames.
    """
    if alert.severity is Severity.CRITICAL:
        return None
    if course is not None and alert.usual_band is not None:
        since = course[1][course[0] > alert.started_at]
        values = since[np.isfinite(since)]
        if len(values) >= _FEWEST:
            context = alert.context | {"mean_after": float(np.mean(values))}
            if severity_of_mean(context) == "critical":
                return context
    long = ts - alert.started_at >= _LONG_SECONDS and alert.severity is Severity.WARNING
    return alert.context if long else None
