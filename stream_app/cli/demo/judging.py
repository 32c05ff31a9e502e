"""What the demo's alerts are worth, against the faults that were put in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from producers.water_loop import Fault
from stream_app.events import Alert

__all__ = ["FALSE", "RECOVERY_SECONDS", "UNKNOWN", "Part", "Verdict", "cause_in", "judge"]

RECOVERY_SECONDS = 900.0
"""After a fault the loop needs as long as its thermal time constant to be as before; changes then are real."""

FALSE, UNKNOWN = "false alarm", "unknown"
"""Causes of alerts for which nothing was put in, and of those of real data, whose truth nobody knows."""


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


@dataclass(frozen=True, slots=True)
class Part:
    """What is replayed together.

    Parameters
    ----------
    title : str
        What it is.
    events : int
        How many there were.
    sources : tuple of str
        Their sources.
    cause : callable
        Says what an alert of these is about: a fault, `FALSE` or `UNKNOWN`.
    """

    title: str
    events: int
    sources: tuple[str, ...]
    cause: Callable[[Alert], str]

    def begun(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Return the beginnings of its alerts, in their order."""
        return [a for a in alerts if a.source in self.sources and a.begins]


def judge(alerts: Sequence[Alert], faults: Sequence[Fault], *, source: str, start: float) -> list[Verdict]:
    """Find the first alert of each fault.

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
    """
    began = sorted((a for a in alerts if a.begins), key=lambda alert: alert.started_at)
    verdicts = []
    for fault in faults:
        first = next(
            (a for a in began if a.source == source and fault.start <= a.started_at - start < fault.end), None
        )
        verdicts.append(Verdict(fault, first, first.started_at - start - fault.start if first else None))
    return verdicts


def cause_in(faults: Sequence[Fault], start: float) -> Callable[[Alert], str]:
    """Return what says by which fault an alert was caused, or by the recovery from it.

    Parameters
    ----------
    faults : sequence of Fault
        Put into the source of the alerts, if any; their times count from `start`.
    start : float
        Event time of its first event.
    """

    def cause(alert: Alert) -> str:
        at = alert.started_at - start
        for fault in faults:
            if fault.start <= at < fault.end:
                return fault.name
            if fault.end <= at < fault.end + RECOVERY_SECONDS:
                return f"after {fault.name}"
        return FALSE

    return cause
