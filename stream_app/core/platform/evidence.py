"""From the evidence of single windows to incidents: sums with a level by the false-alarm budget, begin and end.

Evidence of a window is in nats: minus the logarithm of how often anything as unusual is seen, of one kind: of single series, of what the
components leave of them, of nodes, groups and metrics, of the whole. Each is looked at window by window, and that of single series also as a mean
over half an hour, for faults that are small but stay; in its own standard deviations.

For each a sum goes up by what exceeds an allowance, is never below 0 (Page 1954), and fades, the faster the more alike successive windows are: a
swing of the load that lasts an hour is not told sixty times. Quiet data give excursions from 0 whose heights have an exponential tail, also
where windows depend on each other, with a mean of its own for each platform and kind. The heights of excursions that were no incident
are learned, and the level is where their tail has its part of the budget:

rate of excursions above a low height x probability of so much more = budget, with the predictive distribution of the tail, which
lies the farther out the fewer excursions there were. The budget is divided among the sums, since rates of alarms add up.

A sum is held just above the level, so that a single window is none after the next, and an incident begins with the
second of ten windows that is beyond it: what is over within a window is no incident.

References
----------
E. S. Page (1954), Continuous inspection schemes, Biometrika 41; A. Siffer et al. (2017), Anomaly detection in streams with extreme value
theory; D. Siegmund (1985), Sequential Analysis, for the tail of a cumulative sum.
"""

from dataclasses import asdict, dataclass
from math import expm1, isfinite, isinf, isnan, log, nan, sqrt
from typing import Any

from stream_app.core.platform.stored import expect, stored_count, stored_number

__all__ = ["LONG", "Evidence", "Sum"]

ALLOWANCE = 1.0
"""Standard deviations above the mean from which evidence goes up."""
LOW = 1.0
"""Height over which excursions are learned."""
PRIOR_PEAKS = 10.0
PRIOR_EXCESS = 1.0
"""What is thought of the heights before there are any: nats of single windows are exponential, with a standard deviation of their mean."""
PRIOR_RATE = 0.02
"""Excursions a window."""
KEPT = 0.85
"""Share of a sum that a window leaves, where windows are independent."""
ALIKE = 10.0
"""Windows of the mean that tells how dependent they are."""
USUAL_WINDOWS = 2000.0
FAR = 4.0
"""Standard deviations to which evidence is drawn in to learn what is usual."""
LEAST_UNIT = 0.3
"""Nats of a standard deviation at least: evidence of what never varied does not."""
LONG = 30.0
"""Windows of the mean."""
GRAVE = 10.0
"""Nats to which a window is drawn in for the mean: it shall be of many."""
CAP = 1.15
"""A sum is held to so many levels: less than 1 are left in the next window."""
AGAIN = 9
"""Windows before one that is beyond the level, of which another must have been."""
CALM, CALM_MEAN = 1.0 / 3.0, 0.8
"""Share of the level below which all sums are while it is calm, of single windows and of means, which take as long to go down as to go up."""
SHORTEST, LONGEST = 5, 15
"""Calm windows that end an incident: half of its length, between these."""


@dataclass(slots=True)
class Sum:
    """Sum of one kind of evidence, and its level.

    Parameters
    ----------
    rate : float
        False alarms a window.
    kind : int
        Which of the kinds of evidence.
    memory : float
        Windows of the mean that is looked at; 1 for each window alone.
    """

    rate: float
    kind: int
    memory: float = 1.0
    sum: float = 0.0
    level: float = 0.0
    value: float = 0.0
    usual: float = 0.0
    square: float = 1.0
    mean: float = 0.0
    means: float = 0.05
    windows: float = 0.0
    peaks: float = 0.0
    excess: float = 0.0
    height: float = 0.0
    rest: float = nan
    beyond: bool = False

    def __post_init__(self) -> None:
        """Set the level, where it is not that of a stored state."""
        if not self.level:
            self._set_level()

    def _mean_excess(self) -> float:
        return (self.excess + PRIOR_PEAKS * PRIOR_EXCESS) / (self.peaks + PRIOR_PEAKS)

    def spend(self, rate: float) -> None:
        """Allow so many false alarms a window from now on."""
        if rate != self.rate:
            self.rate = rate
            self._set_level()

    def _set_level(self) -> None:
        mean, known = self._mean_excess(), self.peaks + PRIOR_PEAKS
        rarer = max(0.0, log(known / (self.windows + PRIOR_PEAKS / PRIOR_RATE) / self.rate))
        self.level = LOW + mean * known * expm1(rarer / known)

    def add(self, start: float, nats: float) -> None:
        """Add the evidence of a window that began at `start`."""
        if self.memory > 1.0:
            nats = min(nats, GRAVE)
        self.value += (nats - self.value) / self.memory
        if self.sum == 0.0:
            self.rest = start
        unit = max(sqrt(self.square), LEAST_UNIT)
        self.value = (
            min(self.value, self.usual + unit * (ALLOWANCE + CAP * self.level))
            if self.memory > 1.0
            else self.value
        )
        gained = (self.value - self.usual) / unit - ALLOWANCE
        independent = min(1.0, self.square / max(self.means * (2.0 * ALIKE - 1.0), 1e-300))
        self.sum = min(max(0.0, KEPT * independent * self.sum + gained), CAP * self.level)
        # What is left of the window before does not make another one.
        self.beyond = self.sum > self.level and gained > CALM * self.level

    def learn(self) -> None:
        """Take the evidence of a quiet window into what is usual, and the height of an excursion that is over."""
        self.windows += 1.0
        gain = 1.0 / min(self.windows + 20.0, USUAL_WINDOWS)
        far = FAR * sqrt(self.square)
        beside = min(max(self.value - self.usual, -far), far)
        self.usual += beside * gain
        self.square += (beside**2 - self.square) * gain
        self.mean += (beside - self.mean) / ALIKE
        self.means += (self.mean**2 - self.means) * gain
        self.height = max(self.height, self.sum)
        if self.sum == 0.0 and self.height > 0.0:
            if self.height > LOW:
                # Cut at three means, which lose a twentieth: a fault that was no incident is one excursion like others.
                self.excess += min(self.height - LOW, 3.0 * self._mean_excess())
                self.peaks += 1.0
            self.height = 0.0
            self._set_level()

    def rest_now(self) -> None:
        """Begin at 0."""
        self.sum = self.height = 0.0
        if self.memory > 1.0:
            self.value = self.usual


@dataclass(slots=True)
class Evidence:
    """Evidence of several kinds over windows, and the incident that it makes.

    Parameters
    ----------
    sums : list of Sum
        Of single windows, or of their mean.
    adopt : int
        Windows of an incident after which where things are becomes what is usual.
    settle : int
        Windows after that in which no incident begins: they are learned from.
    """

    sums: list[Sum]
    adopt: int
    settle: int
    open: bool = False
    length: int = 0
    calm: int = 0
    settling: int = 0
    onset: float = nan
    beyond: tuple[bool, ...] = (False,) * AGAIN
    score: float = 0.0

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
            ``quiet``, ``began``, ``open``, ``ended`` or ``adopted``.
        """
        for each in self.sums:
            each.add(start, nats[each.kind])
        self.score = max(each.sum / each.level for each in self.sums)
        if self.open:
            calm = all(
                each.sum < (CALM if each.memory == 1.0 else CALM_MEAN) * each.level for each in self.sums
            )
            return self._go_on(calm=calm)
        if self.settling:
            self.settling -= 1
            self._rest()
            return "quiet"
        beyond = any(each.beyond for each in self.sums)
        again = beyond and any(self.beyond)
        self.beyond = (*self.beyond[1:], beyond)
        if alarms and again:
            return self._begin()
        for each in self.sums:
            each.learn()
        return "quiet"

    def _begin(self) -> str:
        self.open, self.length, self.calm = True, 1, 0
        telling = [each for each in self.sums if each.beyond]
        self.onset = min(each.rest for each in telling)
        return "began"

    def _go_on(self, *, calm: bool) -> str:
        self.length += 1
        self.calm = self.calm + 1 if calm else 0
        adopted = self.length >= self.adopt
        if not adopted and self.calm < min(max(SHORTEST, self.length // 2), LONGEST):
            return "open"
        self.open = False
        self.settling = self.settle if adopted else 0
        self._rest()
        return "adopted" if adopted else "ended"

    def _rest(self) -> None:
        self.score = 0.0
        self.beyond = (False,) * AGAIN
        for each in self.sums:
            each.rest_now()

    def spend(self, rate: float) -> None:
        """Allow each sum so many false alarms a window from now on."""
        for each in self.sums:
            each.spend(rate)

    def state(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Evidence":
        """Make evidence that goes on where `state` was taken."""
        sums = [_stored_sum(each) for each in state["sums"]]
        beyond = tuple(state["beyond"])
        expect(
            len(beyond) == AGAIN and all(type(one) is bool for one in (*beyond, state["open"])), "incidents"
        )
        for name in ("adopt", "length", "calm", "settling"):
            stored_count(state[name], "incidents")
        stored_number(state["score"], "evidence")
        expect(isinstance(state["onset"], float), "incidents")
        expect(isnan(state["onset"]) or isfinite(state["onset"]), "incidents")
        return cls(**{**state, "beyond": beyond, "sums": sums})


def _stored_sum(state: dict[str, Any]) -> Sum:
    """Make a sum of its stored state; raises a `StateError` where that is damaged."""
    for name in set(state) - {"kind", "rest"}:
        stored_number(state[name], "evidence")
    for name in ("sum", "square", "means", "windows", "peaks", "excess", "height"):
        expect(state[name] >= 0.0, "evidence")
    stored_count(state["kind"], "evidence")
    expect(state["rate"] > 0.0 and state["level"] > 0.0 and state["memory"] >= 1.0, "evidence")
    expect(isinstance(state["rest"], float) and not isinf(state["rest"]), "evidence")
    return Sum(**state)
