"""Habits of a channel: limits that neither chance nor past behaviour exceeds.

Frequencies are learned from a few hundred values, so they are uncertain themselves: limits come from the predictive
distribution (uniform prior), not from the frequency as if it were known. And what has happened twice is a habit, however
improbable and however long ago: a limit lies beyond the second largest of what was seen, and farther beyond with each alarm.
"""

import math
from typing import Any

import numpy.typing as npt

from stream_app.core.kernel import kernel
from stream_app.core.quality.records import NEVER

__all__ = [
    "count_alarm",
    "distance",
    "habit",
    "improbable_repeats",
    "learn_channel",
    "most_missing_by_chance",
    "refresh_absences",
    "refresh_stuck",
    "remember",
]

_LEAST_TOLERANCE = 2.0**-10
_LARGEST = 1e308
_LARGEST_SINGLE = 3e38
_MOST_TRIALS = 2**16
_MOVING, _DWELLING = 2, 10
_NO_COUNT = 2**15 - 1
_FREE_ALARMS = 2
_MOST_DOUBLED = 3
_MOST_ALARMS = 255


@kernel
def remember(largest: npt.NDArray[Any], value: float) -> bool:
    """Keep a value if it is one of the two largest; return whether it is."""
    if value > float(largest[0]):
        largest[1] = largest[0]
        largest[0] = value
        return True
    if value > float(largest[1]):
        largest[1] = value
        return True
    return False


@kernel
def habit(largest: npt.NDArray[Any]) -> float:
    """Return what happened at least twice."""
    return float(largest[1])


@kernel
def count_alarm(alarms: int) -> int:
    """Return the number of alarms with one more, as far as a byte counts."""
    return min(int(alarms) + 1, _MOST_ALARMS)


@kernel
def distance(alarms: int) -> int:
    """Return by what factor a limit lies farther beyond a habit than at first.

    Two alarms are how a habit is learned. Each further one shows that the largest values of the habit grow, and doubles the factor,
    up to eight: what lasts longer than that beyond all habit is to be told, however much was.

    Parameters
    ----------
    alarms : int
        Alarms of one check of a channel so far.

    Examples
    --------
    >>> distance(2), distance(4), distance(40)
    (1, 4, 8)
    """
    return 1 << min(max(int(alarms) - _FREE_ALARMS, 0), _MOST_DOUBLED)


@kernel
def log_beta(a: float, b: float) -> float:
    """Return the logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@kernel
def improbable_repeats(hits: int, trials: int, chance: float) -> int:
    """Return how many hits in a row are less probable than `chance`, after so many hits in so many trials.

    The predictive probability of m hits is the mean of ``p**m`` over what the trials leave possible for p,
    Beta(hits + 1, trials - hits + 1).

    Examples
    --------
    >>> improbable_repeats(0, 299, 1e-6), improbable_repeats(150, 300, 1e-6)
    (3, 21)
    """
    a, b = hits + 1.0, trials - hits + 1.0
    bound = log_beta(a, b) + math.log(chance)
    low, high = 0, 1
    while log_beta(a + high, b) > bound:
        if high >= NEVER:
            return NEVER
        low, high = high, 2 * high
    while low + 1 < high:
        middle = (low + high) // 2
        if log_beta(a + middle, b) > bound:
            low = middle
        else:
            high = middle
    return high


@kernel
def most_missing_by_chance(chance: float, window: int, missing: int, observed: int) -> int:
    """Return the most missing values in a window that chance brings with a probability above `chance`.

    The predictive distribution is beta-binomial; its tail is summed from the far end, where terms are small.

    Examples
    --------
    >>> most_missing_by_chance(1e-9, 100, 0, 300)
    14
    """
    a, b = missing + 1.0, observed + 1.0
    whole = log_beta(a, b) + math.log(window + 1.0)
    tail = 0.0
    for k in range(window, 0, -1):
        tail += math.exp(log_beta(k + a, window - k + b) - log_beta(k + 1.0, window - k + 1.0) - whole)
        if tail > chance:
            return k
    return 0


@kernel
def refresh_stuck(c: Any, options: Any) -> None:
    """Set the length of a run from which on a channel is stuck.

    Beyond what independent repeats reach, and a multiple of the habit, because repeats come in clusters: twice it, or
    ten times where values repeat more often than they change, as those of counters and states, whose runs have no
    typical length. A channel that never changed is not judged: it cannot be told from a stuck one.
    """
    if c["repeats"] >= c["trials"] or options["stuck_least"] >= NEVER:
        c["stuck_limit"] = 0
        return
    by_chance = improbable_repeats(int(c["repeats"]), int(c["trials"]), options["chance"]) + 1
    multiple = _DWELLING if 2 * c["repeats"] > c["trials"] else _MOVING
    multiple = max(multiple, _MOVING * distance(c["stuck_alarms"]))
    by_habit = multiple * int(habit(c["runs"])) + 1
    c["stuck_limit"] = min(max(options["stuck_least"], by_chance, by_habit), NEVER)


@kernel
def refresh_absences(c: Any, options: Any) -> None:
    """Set how many missing values, and how long an absence, are more than a habit."""
    learn, window = options["learn"], options["missing_window"]
    usual = int(habit(c["blocks"]))
    missing = min(usual * distance(c["missing_alarms"]), learn)
    by_chance = most_missing_by_chance(options["chance"], window, missing, learn - missing) + 1
    begin = max(options["missing_least"], by_chance)
    end = min(begin - 1, max(begin // 2, math.ceil(usual * window / learn)))
    c["missing_begin"] = begin if begin <= window else _NO_COUNT
    c["missing_end"] = end
    # Twice: absences of sensors come in clusters.
    absences = distance(c["gone_alarms"]) * int(habit(c["absences"]))
    absent = 2 * max(improbable_repeats(usual, learn, options["chance"]), absences)
    c["gone_limit"] = min(max(options["gone_least"], absent), NEVER)


@kernel
def learn_channel(c: Any, options: Any) -> None:
    """Take the rows of the current block into a channel's habits; the first block is one as a whole."""
    learn = options["learn"]
    missing, rows = int(c["block_missing"]), int(c["block_rows"])
    c["block_rows"] = 0
    c["block_missing"] = 0
    if c["missing_begin"] == 0:
        _learn_first(c, options, math.ceil(missing * learn / rows))
        return
    if c["on"] & 2:
        c["block_peak"] = max(c["block_peak"], missing)
    else:
        before = habit(c["blocks"])
        if remember(c["blocks"], missing) and habit(c["blocks"]) != before:
            refresh_absences(c, options)
    if c["trials"] >= _MOST_TRIALS:
        c["trials"] //= 2
        c["repeats"] //= 2
    if c["repeats"] > 0:
        refresh_stuck(c, options)


@kernel
def _learn_first(c: Any, options: Any, missing: int) -> None:
    c["runs"][:] = max(c["runs"][0], c["length"])
    c["absences"][:] = c["absences"][0]
    c["blocks"][:] = min(missing, options["learn"])
    changes = int(c["trials"]) - int(c["repeats"])
    if changes > 0:
        step = math.exp(min(float(c["step_logs"]) / changes, math.log(_LARGEST)))
        c["tolerance"] = min(step * _LEAST_TOLERANCE, _LARGEST_SINGLE)
    refresh_stuck(c, options)
    refresh_absences(c, options)
