"""What the demo's alerts are worth, against the faults that were put in."""

from collections.abc import Sequence
from dataclasses import dataclass

from producers.water_loop import Fault
from stream_app.events import Alert, AlertState

__all__ = ["RECOVERY_SECONDS", "Verdict", "judge"]

RECOVERY_SECONDS = 900.0
"""After a fault the loop needs as long as its thermal time constant to be as before; changes then are real."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether and when a fault was found.

    Parameters
    ----------
    fault : Fault
        What was put in.
    alert : Alert or None
        The first alert that began while it was present; None if it was missed.
    after : float or None
        Seconds of event time from the fault's beginning to the alert's.
    """

    fault: Fault
    alert: Alert | None
    after: float | None


def judge(
    alerts: Sequence[Alert], faults: Sequence[Fault], *, source: str, start: float
) -> tuple[list[Verdict], list[Alert]]:
    """Match alerts with faults.

    Parameters
    ----------
    alerts : sequence of Alert
        Beginnings and ends, of all sources.
    faults : sequence of Fault
        Put into `source`; their times count from `start`.
    source : str
        The source with the faults.
    start : float
        Event time of its first event.

    Returns
    -------
    verdicts : list of Verdict
        One a fault.
    false_alarms : list of Alert
        All that began outside of every fault and its recovery.
    """
    began = sorted((a for a in alerts if a.state is AlertState.FIRING), key=lambda alert: alert.started_at)
    verdicts = []
    for fault in faults:
        inside = [
            alert
            for alert in began
            if alert.source == source and fault.start <= alert.started_at - start < fault.end
        ]
        first = inside[0] if inside else None
        verdicts.append(Verdict(fault, first, first.started_at - start - fault.start if first else None))
    explained = [(start + fault.start, start + fault.end + RECOVERY_SECONDS) for fault in faults]
    false_alarms = [
        alert
        for alert in began
        if alert.source != source or not any(low <= alert.started_at < high for low, high in explained)
    ]
    return verdicts, false_alarms
