"""What a stricter budget would have told of the incidents that were told."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stream_app.events import Alert

__all__ = ["Told", "told_by"]

_IN_DECADES = ("anomaly", "anomaly")
"""Kind and detector of the alerts whose statistic and threshold are rarities: 3 is once in a thousand events."""


@dataclass(frozen=True, slots=True)
class Told:
    """Incidents by what a stricter budget would have made of them.

    Parameters
    ----------
    told : int
        Would have been told.
    silent : int
        Would not.
    unknown : int
        Their evidence does not say: it is of a detector that does not measure in rarities.
    """

    told: int
    silent: int
    unknown: int


def told_by(alerts: Iterable[Alert], peaks: Mapping[str, float], factor: float) -> Told:
    """Sort incidents by whether a budget would have told them that allows fewer false alarms.

    A budget that allows a tenth asks for evidence that is ten times as rare, one decade more. How rare an incident became is its
    highest anomaly score.

    Parameters
    ----------
    alerts : iterable of Alert
        Beginnings of alerts that page.
    peaks : mapping of str to float
        Highest score of an alert while it lasted, in decades, by its id; the statistic at its beginning where none is known.
    factor : float
        By how much less the budget allows, 1 or more.

    Examples
    --------
    >>> from stream_app.events import LogId
    >>> alert = Alert.begun(
    ...     "pumps", "p", "anomaly", LogId(0), 1, kind="anomaly", started_at=0.0, statistic=5.1, threshold=5.0, summary=""
    ... )
    >>> told_by([alert], {}, 10.0), told_by([alert], {alert.id: 6.5}, 10.0)
    (Told(told=0, silent=1, unknown=0), Told(told=1, silent=0, unknown=0))
    """
    more = math.log10(max(factor, 1.0))
    known: dict[str, list[bool | None]] = {}
    for alert in alerts:
        answer: bool | None = None
        if factor <= 1.0:
            answer = True
        elif (alert.kind, alert.detector) == _IN_DECADES:
            answer = max(alert.statistic, peaks.get(alert.id, -math.inf)) >= alert.threshold + more
        known.setdefault(alert.case.id, []).append(answer)
    told = sum(any(answers) for answers in known.values())
    silent = sum(all(answer is False for answer in answers) for answers in known.values())
    return Told(told, silent, len(known) - told - silent)
