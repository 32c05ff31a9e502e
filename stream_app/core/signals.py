"""Signals: what a detector found at one event, before a policy decides about an alert."""

from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

__all__ = ["WHOLE_SOURCE", "Kind", "Signal"]

Kind: TypeAlias = Literal["drift", "anomaly", "changepoint", "quality", "performance"]

WHOLE_SOURCE = "*"
"""The channel of a signal that speaks of all channels of a source together."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Evidence of one detector at one event.

    Parameters
    ----------
    row : int
        Row of the event in the batch that was given to the detector, counted from 0.
    ts : float
        Event time in epoch seconds.
    kind : {'drift', 'anomaly', 'changepoint', 'quality', 'performance'}
        What kind of change is seen.
    detector : str
        Name of the detector, as in the settings (``"adwin"``, ``"ks"``).
    channel : str
        The channel, or ``WHOLE_SOURCE``.
    statistic, threshold : float
        The detector's statistic and the bound it crossed. Both are finite.
    ended : bool
        True when the condition, signalled before, is over (detectors with a beginning and an end).
    p_value : float or None
        A p-value where the detector has one.
    contributions : tuple of (channel, share)
        Share of each channel in a multivariate statistic, largest first, summing to one.
    context : tuple of (name, number)
        Figures that help a person judge: means before and after, window sizes.
    reference : str
        Version of the reference of the stream that it is told against; empty where the detector learned from events.

    Examples
    --------
    >>> Signal(row=3, ts=10.0, kind="drift", detector="ks", channel="flow", statistic=0.4, threshold=0.2).ended
    False
    """

    row: int
    ts: float
    kind: Kind
    detector: str
    channel: str
    statistic: float
    threshold: float
    ended: bool = False
    p_value: float | None = None
    contributions: tuple[tuple[str, float], ...] = ()
    context: tuple[tuple[str, float], ...] = ()
    reference: str = ""

    def at_row(self, row: int) -> Self:
        """Return the signal with the row of another batch."""
        return replace(self, row=row)
