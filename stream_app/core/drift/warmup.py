"""How long a reference is: as the budget asks, within bounds."""

from typing import Any

from stream_app.core.drift.records import SAMPLE
from stream_app.core.kernel import kernel

__all__ = ["choose_warmup", "warmup_of"]

_EXTRAPOLATED = 0.005
"""Of the time between two alarms that the budget allows: a reference is as long at least."""
_LONGEST = 20_000.0


@kernel
def choose_warmup(source: Any, options: Any, rate: float) -> None:
    """Set how long a reference that has only just begun has to be: a two-hundredth of the time between two alarms that the budget allows.

    What wanders slowly shows it in a long reference only. Evidence from a short one, of a change that lasts as long as that itself, says
    nothing of what happens once in a thousand times as long.
    """
    if source["rows"] >= SAMPLE:
        return
    asked = 4 * int(min(_EXTRAPOLATED / rate, _LONGEST) / 4.0) if options["prepaid"] and rate > 0.0 else 0
    source["warmup"] = asked


@kernel
def warmup_of(source: Any, options: Any) -> int:
    """Return the events of a reference, within bounds whatever a stored record says."""
    return max(int(options["warmup"]), min(int(source["warmup"]), int(_LONGEST)))
