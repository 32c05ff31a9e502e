"""Episodes: which channels are part of an anomaly, and when it is over.

A channel joins with evidence of its own, or with more than its share where only the joint statistics speak. Those that joined within the
first events are the founders; others follow from them, as heat follows from a pump, and have no say in the end, unless their evidence
exceeds all that the founders showed: then the fault is theirs. An episode ends when all founders were back for as long as half the episode
took, 5 to 30 events. Back is a channel

- whose fast mean is near its base, which stood still meanwhile, or undid all but 30 % of its largest departure;
- or at the level of before the one that was adopted last: a machine that was switched is switched back;
- or that undid half of it and then stayed where it is: after a repair few processes return to exactly where they were.

A channel that stays at a level for as long as the warm-up, or an episode of a thousand events, makes a new normal: the level is
adopted, and judged from the next event on, with scales and tails of before.
"""

from typing import Any

from stream_app.core.anomaly.channel import is_gross, level_unit
from stream_app.core.anomaly.forecast import FOLLOW
from stream_app.core.anomaly.tails import THRESHOLD
from stream_app.core.kernel import kernel

__all__ = ["episode_step"]

FOUNDING = 16
"""Events in which those found it that a fault strikes at once: the span of the slow mean."""
GROSS_EVENTS = 30
HOLD = 30
LONGEST = 1000
NEAR = 3.25
RETURNED = 0.3
HALF_RETURNED = 0.5
AS_GOOD_AS = 2.0
STAYED = 60
YOUNG = 400


@kernel
def _join(s: Any, c: Any) -> None:
    c["member"] = True
    # A channel that leaves the level that was adopted for it meanwhile follows from nothing.
    c["founder"] = s["length"] <= FOUNDING or (s["adopted"] and c["moved"])
    c["departure"] = 0.0
    c["anchor"] = c["fast"]
    c["still"] = 0


@kernel
def _lead(s: Any, c: Any) -> None:
    """Make a member a founder that has more evidence than any founder had."""
    if c["founder"] or c["evidence"] > s["led"]:
        c["founder"] = True
        s["led"] = max(s["led"], c["evidence"])


@kernel
def _rest_at(c: Any, level: float) -> None:
    """Make a level the one that a channel is held against; an excursion that began just now goes on."""
    c["member"] = False
    c["base"] = c["follower"] = c["trailer"] = level
    c["slow"] = c["fast"]
    c["progress"] = 0.0
    c["surprise"] = 0.0
    if c["far"] == 0 or c["far"] >= GROSS_EVENTS:
        c["low"] = c["lowest"]
        c["high"] = c["highest"]
        c["far"] = 0
        c["farther"] = 0


@kernel
def _rest_at_new(c: Any) -> None:
    """Hold a channel against where it is now; the channels that it goes with need as long as a follower's memory to agree."""
    _rest_at(c, c["fast"])
    c["stale"] = FOLLOW


@kernel
def _adopt(c: Any) -> None:
    """Make the present level the usual one, and keep the one of before."""
    c["known"] = c["base"]
    c["moved"] = True
    _rest_at_new(c)
    c["mean"] = c["fast"]
    c["count"] = min(c["count"], YOUNG)


@kernel
def _is_where_it_was(c: Any, unit: float) -> bool:
    """Whether a channel left the level that it is held against for the one of before."""
    away = abs(c["fast"] - c["known"])
    return bool(c["moved"] and away <= NEAR * unit and away < abs(c["fast"] - c["base"]))


@kernel
def _end(c: Any) -> None:
    """Hold a member of an episode that is over against the level at which it is, or its base where that is as good as there."""
    unit = level_unit(c)
    if abs(c["fast"] - c["base"]) <= AS_GOOD_AS * unit:
        # A mean of eight values is no better than the base, and a false shift for hundreds of events.
        _rest_at(c, c["base"])
        return
    if _is_where_it_was(c, unit):
        c["known"] = c["base"]
        c["mean"] = c["fast"]
    _rest_at_new(c)


@kernel
def _is_back(c: Any, mark_level: float) -> bool:
    unit = level_unit(c)
    c["departure"] = max(c["departure"], abs(c["slow"] - c["base"]))
    away = abs(c["fast"] - c["base"])
    returned = away <= RETURNED * c["departure"] or _is_where_it_was(c, unit)
    back = (away <= NEAR * unit or returned) and c["far"] == 0 and c["spread_evidence"] < THRESHOLD
    if c["evidence"] >= mark_level and not returned:
        back = False
    if abs(c["fast"] - c["anchor"]) > 2.0 * unit:
        c["anchor"] = c["fast"]
        c["still"] = 0
    else:
        c["still"] += 1
    return bool(back or (c["still"] >= STAYED and away <= HALF_RETURNED * c["departure"]))


@kernel
def episode_step(  # noqa: C901
    s: Any,
    channels: Any,
    weight: Any,
    evidence: float,
    jointly: bool,  # noqa: FBT001
    warmup: int,
) -> bool:
    """Go on by an event, from the one that begins an episode on; return whether the episode is over.

    It is not over where a channel is newly beyond anything it ever was: its founders may be back at that very event.
    """
    d = channels.shape[0]
    if not s["active"]:
        s["active"] = True
        s["adopted"] = False
        s["length"] = 0
        s["calm"] = 0
        s["led"] = 0.0
        for j in range(d):
            channels[j]["member"] = False
    s["length"] += 1
    mark = s["mark_level"]
    jointly = jointly and evidence >= mark
    share = 0.0
    if jointly:
        for j in range(d):
            share += weight[j] / d
    calm = True
    fresh = False
    for j in range(d):
        c = channels[j]
        if not c["member"] and (c["evidence"] >= mark or is_gross(c) or (jointly and weight[j] >= share)):
            _join(s, c)
        fresh = fresh or (is_gross(c) and c["far"] < STAYED)
        if not c["member"]:
            continue
        _lead(s, c)
        back = _is_back(c, mark)
        if c["still"] >= warmup or s["length"] >= LONGEST:
            _adopt(c)
            s["adopted"] = True
        elif c["founder"] and not back:
            calm = False
    s["calm"] = s["calm"] + 1 if calm else 0
    over = bool(s["calm"] >= min(HOLD, max(5, s["length"] // 2))) and not fresh
    if over:
        s["active"] = False
        for j in range(d):
            if channels[j]["member"]:
                _end(channels[j])
    return over
