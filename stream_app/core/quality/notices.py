"""Signals of the quality checks."""

from stream_app.core.arrays import FloatArray
from stream_app.core.quality.arrivals import RateChange
from stream_app.core.quality.trailing import Transition
from stream_app.core.signals import WHOLE_SOURCE, Signal

__all__ = ["new_channel", "rate_signal", "transition_signal"]


def transition_signal(
    name: str, found: Transition, offset: int, ts: FloatArray, channels: tuple[str, ...]
) -> Signal:
    """Turn a transition of the check ``name`` into a signal."""
    return Signal(
        row=offset + found.row, ts=float(ts[found.row]), kind="quality", detector=f"quality.{name}",
        channel=channels[found.column], statistic=found.statistic, threshold=found.threshold, ended=not found.begins,
    )  # fmt: skip


def rate_signal(change: RateChange) -> Signal:
    """Turn a change of the arrival rate into a signal."""
    return Signal(
        row=change.row, ts=change.ts, kind="quality", detector=f"quality.{change.name}", channel=WHOLE_SOURCE,
        statistic=change.statistic, threshold=change.threshold, ended=not change.begins,
    )  # fmt: skip


def new_channel(row: int, ts: float, name: str) -> list[Signal]:
    """Tell that a channel has appeared, a condition that is over at once."""
    return [
        Signal(
            row=row, ts=ts, kind="quality", detector="quality.new", channel=name, statistic=1.0, threshold=1.0,
            ended=ended,
        )
        for ended in (False, True)
    ]  # fmt: skip
