"""Signals about a model, in the words of its alerts."""

import math
from collections.abc import Mapping

from stream_app.core.performance import Crossing
from stream_app.core.signals import WHOLE_SOURCE, Signal

__all__ = ["Named", "performance_signal", "rate_signal"]

Named = tuple[str, Signal]
"""A signal with the name under which its detector runs."""


def performance_signal(
    detector: str,
    row: int,
    ts: float,
    *,
    statistic: float,
    threshold: float,
    ended: bool = False,
    channel: str = WHOLE_SOURCE,
    context: Mapping[str, float] | None = None,
) -> Named:
    """Make a signal of kind ``performance``; figures that are no numbers are left out of the context."""
    figures = tuple((name, float(value)) for name, value in (context or {}).items() if math.isfinite(value))
    return detector, Signal(
        row=row, ts=ts, kind="performance", detector=detector, channel=channel, statistic=statistic,
        threshold=threshold, ended=ended, context=figures,
    )  # fmt: skip


def rate_signal(
    detector: str,
    crossing: Crossing,
    row: int,
    ts: float,
    *,
    limit: float,
    context: Mapping[str, float] | None = None,
) -> Named:
    """Make a signal of a rate that left its limit or came back."""
    figures = {"rate": crossing.rate, "events": float(crossing.events), **(context or {})}
    return performance_signal(
        detector,
        row,
        ts,
        statistic=crossing.rate,
        threshold=limit,
        ended=not crossing.beyond,
        context=figures,
    )
