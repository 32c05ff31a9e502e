"""Events that are refused for their times or as repeated: what becomes of each, in words, and the alert about many in a row."""

from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.core.watermark import AHEAD, LATE, RETURNED
from stream_app.events import Reason
from stream_app.monitors.base import Refusal

__all__ = ["DUPLICATE", "FUTURE", "MOST_REFUSED", "REFUSED", "refusal", "refused_signal"]

FUTURE, DUPLICATE = RETURNED + 1, RETURNED + 2
"""What becomes of an event, beside the watermark's."""

REFUSED = "quality.refused"
"""Detector of events that are refused in a row."""

MOST_REFUSED = 32
"""Events of a source that are refused in a row for their times before that is told."""


def refusal(code: int, offset: int, ts: float, record_ts: float, newest: float) -> Refusal:
    """Say why an event was refused; `newest` is the watermark before it."""
    if code == FUTURE:
        message = f"ts {ts} is {ts - record_ts:.0f} s after its record's own time"
        return Refusal(offset, Reason.TIMESTAMP, message)
    if code == AHEAD:
        message = f"ts {ts} is {ts - newest:.0f} s ahead of this source's others, and alone"
        return Refusal(offset, Reason.TIMESTAMP, message)
    if code == LATE:
        return Refusal(
            offset, Reason.LATE, f"ts {ts} is {newest - ts:.3f} s older than the newest of this source"
        )
    return Refusal(offset, Reason.DUPLICATE, f"the same reading came before, at ts {ts}")


def refused_signal(row: int, count: int, ts: float, *, behind: float | None) -> Signal:
    """Return the signal that many events in a row were refused for their times, or that this is over.

    Parameters
    ----------
    row : int
        Place of the event.
    count : int
        Events refused.
    ts : float
        When, in epoch seconds.
    behind : float or None
        Seconds by which the event is older than the watermark; None at the end.
    """
    return Signal(
        row=row,
        ts=ts,
        kind="quality",
        detector=REFUSED,
        channel=WHOLE_SOURCE,
        statistic=float(count),
        threshold=float(MOST_REFUSED),
        ended=behind is None,
        context=() if behind is None else (("seconds_behind", behind),),
    )
