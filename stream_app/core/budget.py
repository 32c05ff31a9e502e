"""The false-alarm budget of a stream: its notation, the rate it allows, how it is divided."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.errors import SettingsError

__all__ = ["Budget", "sharers", "split_rate"]

_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "week": 604_800.0,
    "fortnight": 1_209_600.0,
    "month": 2_629_746.0,
    "year": 31_556_952.0,
}
_EXPECTED = 'expected for example "1 per week", "2 per 30 days" or "3 per 100000 events"'
_PATTERN = re.compile(
    r"(?P<count>[\d.]+)\s+(?:false\s+alarms?\s+)?(?:per|in|/)\s+(?:(?P<amount>[\d_,]+(?:\.\d+)?)\s*)?(?P<unit>[a-z]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms that a stream may raise, over all its sources, channels and detectors.

    Parameters
    ----------
    count : float
        False alarms allowed, positive.
    seconds : float or None
        Per so many seconds of event time; exactly one of this and `events` is given.
    events : float or None
        Per so many events.

    Raises
    ------
    SettingsError
        If a number is not positive, or not exactly one period is given.

    Examples
    --------
    >>> Budget.parse("1 per week")
    Budget(count=1.0, seconds=604800.0, events=None)
    >>> Budget.parse("3 per 100000 events").rate_per_event() == 3 / 100_000
    True
    >>> Budget.parse("1 per day").rate_per_event(events_per_second=10.0)  # doctest: +ELLIPSIS
    1.157...e-06
    """

    count: float
    seconds: float | None = None
    events: float | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.events is None):
            raise SettingsError(f"a budget counts per time or per events, not both or neither; {_EXPECTED}")
        for name in ("count", "seconds", "events"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < float("inf"):
                raise SettingsError(f"the budget's {name} is {value!r}; expected a number above 0")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a budget: ``N per DURATION`` or ``N per M events``.

        Parameters
        ----------
        text : str
            Durations are seconds, minutes, hours, days, weeks, fortnights, months or years, with or without a
            number before them.

        Returns
        -------
        Budget

        Raises
        ------
        SettingsError
            If the text cannot be read.

        Examples
        --------
        >>> Budget.parse("2 per 30 days").seconds
        2592000.0
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise SettingsError(f"the budget {text!r} cannot be read; {_EXPECTED}")
        try:
            count = float(match["count"])
            amount = float((match["amount"] or "1").replace(",", ""))
        except ValueError:
            raise SettingsError(
                f"the budget {text!r} holds no number where one stands; {_EXPECTED}"
            ) from None
        unit = match["unit"].lower()
        singular = unit if unit in _SECONDS else unit.removesuffix("s")
        if singular == "event":
            return cls(count=count, events=amount)
        if singular not in _SECONDS:
            raise SettingsError(f"the budget {text!r} has the unknown unit {unit!r}; {_EXPECTED}")
        return cls(count=count, seconds=amount * _SECONDS[singular])

    def rate_per_event(self, events_per_second: float | None = None) -> float:
        """Return the false alarms allowed per event of the stream.

        Parameters
        ----------
        events_per_second : float, optional
            Observed rate of the stream's events; needed for a budget per time.

        Returns
        -------
        float

        Raises
        ------
        SettingsError
            If the budget is per time and no positive rate is given.
        """
        if self.events is not None:
            return self.count / self.events
        if events_per_second is None or not 0.0 < events_per_second < float("inf"):
            raise SettingsError(
                f"a budget per time needs the stream's event rate, which is {events_per_second!r}; "
                "wait until events were observed, or give the budget per events"
            )
        return self.allowed(events=1.0, seconds=1.0 / events_per_second)

    def allowed(self, *, events: float, seconds: float) -> float:
        """Return the number of false alarms allowed in some events over some event time."""
        periods = events / self.events if self.events is not None else seconds / (self.seconds or 1.0)
        return self.count * periods


def sharers(known: IntArray, expected: int | None = None, partitions: int = 1) -> FloatArray:
    """Return by how many sources the budget of a stream is divided, as one of its partitions sees it.

    A partition knows its own sources only. Where none are expected, it takes as many for those of each other one: then each
    partition spends its part of the budget at most, whatever the others have.

    Parameters
    ----------
    known : array of int
        Sources of the partition.
    expected : int, optional
        Sources of the stream, where the settings say it; more than those are counted nevertheless.
    partitions : int
        Partitions of the stream's topic.

    Examples
    --------
    >>> sharers(np.array([1, 12]), partitions=4), sharers(np.array([1, 12]), expected=10, partitions=4)
    (array([ 4., 48.]), array([10., 12.]))
    """
    counted: FloatArray = np.maximum(known * float(partitions if expected is None else 1), expected or 1)
    return counted


def split_rate(rate: float, weights: Mapping[str, float]) -> dict[str, float]:
    """Divide a false-alarm rate among sources, detectors or channels.

    Rates of alarms add up whatever the dependence between the spenders, so the shares only have to sum to the whole;
    no correction for multiple looks is needed on top.

    Parameters
    ----------
    rate : float
        Rate to share; each share is in the same unit.
    weights : mapping of str to float
        Weight of each spender, positive.

    Returns
    -------
    dict of str to float
        Shares in proportion to the weights.

    Raises
    ------
    SettingsError
        If there is nobody, or a weight is not positive.

    Examples
    --------
    >>> split_rate(1e-4, {"drift": 3.0, "anomaly": 1.0})
    {'drift': 7.500000000000001e-05, 'anomaly': 2.5e-05}
    """
    wrong = [name for name, weight in weights.items() if not 0.0 < weight < float("inf")]
    if wrong or not weights:
        raise SettingsError(f"the weights to share a budget are {dict(weights)!r}; expected numbers above 0")
    whole = sum(weights.values())
    return {name: rate * (weight / whole) for name, weight in weights.items()}
