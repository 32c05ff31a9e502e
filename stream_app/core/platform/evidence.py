"""From the evidence of single windows to incidents: sums with a level by the false-alarm budget, begin and end.

Evidence of a window is in nats: minus the logarithm of how often anything as unusual is seen, of one kind: of single series, of what the
components leave of them, of nodes and groups, of the whole. For each kind a sum goes up by what exceeds an allowance, more than what quiet windows
have on average, is never below 0 (Page 1954), and fades within a few windows, the faster the more alike the evidence of successive windows is: a
swing of the load that lasts an hour is not told sixty times. Quiet data give excursions from 0 whose heights have an exponential tail, also where windows depend on each other, with a mean of its own
for each platform and kind. The heights of excursions that were no incident are learned, and the level is where their tail has its part of the budget:

- rate of excursions above a low height x probability of so much more = budget, with the predictive distribution of the tail, which
  lies the farther out the fewer excursions there were;
- where alarms were more than the budget has, the tail is heavier than was thought, or there are faults: the level rises
  by the logarithm of the ratio, to a bound.

A single window adds to the sum three fifths of the level at most: an incident is two windows at least.

References
----------
E. S. Page (1954), Continuous inspection schemes, Biometrika 41; A. Siffer et al. (2017), Anomaly detection in streams with extreme value
theory; D. Siegmund (1985), Sequential Analysis, for the tail of a cumulative sum.
"""

from dataclasses import asdict, dataclass, field
from math import expm1, log, nan
from typing import Any

__all__ = ["Evidence", "Sum"]

LOW = 2.0
"""Height over which excursions are learned."""
PRIOR_PEAKS = 10.0
PRIOR_EXCESS = 2.0
"""What is thought of the heights before there are any: a sum of nats with a wide allowance goes down by one mean excess of about 1, and
dependence doubles it."""
PRIOR_RATE = 0.02
"""Excursions a window."""
ALLOWANCE = 1.0
"""By how many nats the allowance exceeds the mean evidence of quiet windows."""
KEPT = 0.85
"""Share of a sum that a window leaves, where windows are independent."""
ALIKE = 10.0
"""Windows of the mean that tells how dependent they are."""
USUAL_WINDOWS = 2000.0
LEAP = 0.6
CAP = 2.0
"""A sum is held to so many levels, or an end would be as far away as the incident was grave."""
CALM = 1.0 / 3.0
"""Share of the level below which all sums are while it is calm."""
SHORTEST, LONGEST = 5, 15
"""Calm windows that end an incident: half of its length, between these."""
SPENT = 2.0
SETTLING = 30
"""Windows after a new level was adopted in which no incident begins: they are learned from."""


@dataclass(slots=True)
class Sum:
    """Sum of one kind of evidence, and its level.

    Parameters
    ----------
    rate : float
        False alarms a window.
    """

    rate: float
    sum: float = 0.0
    level: float = 0.0
    usual: float = 1.0
    square: float = 1.0
    mean: float = 0.0
    means: float = 0.05
    windows: float = 0.0
    peaks: float = 0.0
    excess: float = 0.0
    height: float = 0.0
    alarms: float = 0.0
    rest: float = nan

    def __post_init__(self) -> None:
        """Set the level, where it is not that of a stored state."""
        if not self.level:
            self._set_level()

    def _mean(self) -> float:
        return (self.excess + PRIOR_PEAKS * PRIOR_EXCESS) / (self.peaks + PRIOR_PEAKS)

    def _set_level(self) -> None:
        mean, known = self._mean(), self.peaks + PRIOR_PEAKS
        rarer = max(0.0, log(known / (self.windows + PRIOR_PEAKS / PRIOR_RATE) / self.rate))
        spent = min(max(0.0, log((self.alarms + 0.5) / (self.rate * self.windows + 1.5))), SPENT)
        self.level = LOW + mean * (known * expm1(rarer / known) + spent)

    @property
    def allowance(self) -> float:
        """By which evidence of a window goes down."""
        return self.usual + ALLOWANCE

    def add(self, start: float, nats: float) -> None:
        """Add the evidence of a window that began at `start`."""
        if self.sum == 0.0:
            self.rest = start
        gained = min(nats - self.allowance, LEAP * self.level)
        independent = min(1.0, self.square / max(self.means * (2.0 * ALIKE - 1.0), 1e-300))
        self.sum = min(max(0.0, KEPT * independent * self.sum + gained), CAP * self.level)

    def learn(self, nats: float) -> None:
        """Take the evidence of a quiet window into what is usual, and the height of an excursion that is over."""
        self.windows += 1.0
        gain = 1.0 / min(self.windows + 20.0, USUAL_WINDOWS)
        beside = min(nats - self.usual, 4.0)
        self.usual += beside * gain
        self.square += (beside**2 - self.square) * gain
        self.mean += (beside - self.mean) / ALIKE
        self.means += (self.mean**2 - self.means) * gain
        self.height = max(self.height, self.sum)
        if self.sum == 0.0 and self.height > 0.0:
            if self.height > LOW:
                # Cut at three means, which lose a twentieth: a fault that was no incident is one excursion like others.
                self.excess += min(self.height - LOW, 3.0 * self._mean())
                self.peaks += 1.0
            self.height = 0.0
            self._set_level()

    def rest_now(self) -> None:
        """Begin at 0."""
        self.sum = self.height = 0.0


@dataclass(slots=True)
class Evidence:
    """Evidence of several kinds over windows, and the incident that it makes.

    Parameters
    ----------
    sums : list of Sum
        One of each kind.
    adopt : int
        Windows of an incident after which where things are becomes what is usual.
    """

    sums: list[Sum]
    adopt: int
    open: bool = False
    length: int = 0
    calm: int = 0
    settling: int = 0
    onset: float = nan
    score: float = field(default=0.0)

    def add(self, start: float, nats: list[float], *, alarms: bool) -> str:
        """Go on by a window.

        Parameters
        ----------
        start : float
            Its beginning.
        nats : list of float
            Evidence of each kind.
        alarms : bool
            Whether an incident may begin.

        Returns
        -------
        str
            ``quiet``, ``rising`` (an excursion goes on), ``began``, ``open``, ``ended`` or ``adopted``.
        """
        for each, new in zip(self.sums, nats, strict=True):
            each.add(start, new)
        self.score = max(each.sum / each.level for each in self.sums)
        if self.open:
            return self._go_on(calm=self.score < CALM)
        if self.settling:
            self.settling -= 1
            self._rest()
            return "quiet"
        if alarms and self.score > 1.0:
            return self._begin()
        for each, new in zip(self.sums, nats, strict=True):
            each.learn(new)
        return "rising" if self.score > 0.0 else "quiet"

    def _begin(self) -> str:
        self.open, self.length, self.calm = True, 1, 0
        telling = [each for each in self.sums if each.sum > each.level]
        self.onset = min(each.rest for each in telling)
        for each in telling:
            each.alarms += 1.0
        return "began"

    def _go_on(self, *, calm: bool) -> str:
        self.length += 1
        self.calm = self.calm + 1 if calm else 0
        adopted = self.length >= self.adopt
        if not adopted and self.calm < min(max(SHORTEST, self.length // 2), LONGEST):
            return "open"
        self.open = False
        self.settling = SETTLING if adopted else 0
        self._rest()
        return "adopted" if adopted else "ended"

    def _rest(self) -> None:
        self.score = 0.0
        for each in self.sums:
            each.rest_now()

    def state(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Evidence":
        """Make evidence that goes on where `state` was taken."""
        return cls(**{**state, "sums": [Sum(**each) for each in state["sums"]]})
