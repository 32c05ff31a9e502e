"""Signals of the quality checks."""

import math
from collections.abc import Sequence
from typing import Any

from stream_app.core.kernel import contributions
from stream_app.core.quality.records import DETECTORS, MISSING, REFUSED, SILENCE
from stream_app.core.signals import WHOLE_SOURCE, Signal

__all__ = ["quality_signal"]

_FIGURES: dict[str, tuple[str, ...]] = {
    "range": ("value", "low", "high"),
    "missing": ("of",),
    "stuck": ("value", "seconds"),
    "silence": ("usual_gap",),
    "burst": ("usual_rate",),
    "refused": ("seconds_behind",),
}
"""Names of the figures of a kernel's signal."""


def quality_signal(found: Any, ts: float, channels: Sequence[str]) -> Signal:
    """Turn what the kernel saw into a signal.

    Parameters
    ----------
    found : record of SIGNAL
    ts : float
        Time of its event.
    channels : sequence of str
        Names of the columns.

    Returns
    -------
    Signal
        A silence begins when it has become too long, before the event that shows it. Refusals begin at the watermark of
        their source: the times of the events are what is wrong.
    """
    number, channel, ended = int(found["detector"]), int(found["channel"]), bool(found["ended"])
    name = DETECTORS[number]
    context = [
        (figure, float(value))
        for figure, value in zip(_FIGURES.get(name, ()), found["figures"], strict=False)
        if math.isfinite(value)
    ]
    if number == MISSING and channel < 0:
        context = [("channels", float(found["figures"][0]))]
    if number in (SILENCE, REFUSED) and not ended:
        ts = float(found["figures"][1])
    return Signal(
        row=int(found["row"]),
        ts=ts,
        kind="quality",
        detector=f"quality.{name}",
        channel=WHOLE_SOURCE if channel < 0 else channels[channel],
        statistic=float(found["statistic"]),
        threshold=float(found["threshold"]),
        ended=ended,
        contributions=contributions(found, channels),
        context=tuple(context),
    )
