"""The episode: which channels are part of an anomaly, and when it is over.

A channel joins with evidence of its own, or with more than its share where only the joint statistics speak. Those that joined within the
first events are the founders; others follow from them, as heat follows from a pump, and have no say in the end. An episode ends when all
founders were back for as long as half the episode took, 5 to 30 events. Back is a channel

- whose fast mean is near its base, which stood still meanwhile, or undid all but 30 % of its largest departure;
- or that undid half of it and then stayed where it is: after a repair few processes return to exactly where they were.

A channel that stays at a level for as long as the warm-up, or an episode of a thousand events, makes a new normal: the level is
adopted, and judged from the next event on, with scales and tails of before.
"""

from typing import Any

from stream_app.core.anomaly.channel import is_gross, level_unit
from stream_app.core.anomaly.records import SHIFT
from stream_app.core.anomaly.tails import THRESHOLD
from stream_app.core.kernel import kernel

__all__ = ["changed_level", "episode_step"]

FOUNDING = 30
HOLD = 30
LONGEST = 1000
NEAR = 3.25
RETURNED = 0.3
HALF_RETURNED = 0.5
STAYED = 60
YOUNG = 400


@kernel
def _join(c: Any, length: int) -> None:
    c["member"] = True
    c["founder"] = length <= FOUNDING
    c["departure"] = 0.0
    c["anchor"] = c["fast"]
    c["still"] = 0


@kernel
def _rest_at(c: Any, level: float) -> None:
    """Make a level the one that a channel is held against; an excursion that began just now goes on."""
    c["member"] = False
    c["base"] = c["follower"] = c["trailer"] = c["slow"] = level
    c["progress"] = 0.0
    c["surprise"] = 0.0
    if c["far"] == 0 or c["far"] >= FOUNDING:
        c["low"] = c["lowest"]
        c["high"] = c["highest"]
        c["far"] = 0
        c["farther"] = 0


@kernel
def _is_back(c: Any, mark_level: float) -> bool:
    unit = level_unit(c)
    c["departure"] = max(c["departure"], abs(c["slow"] - c["base"]))
    away = abs(c["fast"] - c["base"])
    returned = away <= RETURNED * c["departure"]
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
    gross: bool,  # noqa: FBT001
    jointly: bool,  # noqa: FBT001
    warmup: int,
) -> bool:
    """Go on by an event, from the one that begins an episode on; return whether the episode is over.

    It is not over where a channel is beyond anything it ever was: its founders may be back at that very event.
    """
    d = channels.shape[0]
    if not s["active"]:
        s["active"] = True
        s["adopted"] = False
        s["length"] = 0
        s["calm"] = 0
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
    for j in range(d):
        c = channels[j]
        if not c["member"] and (c["evidence"] >= mark or is_gross(c) or (jointly and weight[j] >= share)):
            _join(c, s["length"])
        if not c["member"]:
            continue
        back = _is_back(c, mark)
        if c["still"] >= warmup or s["length"] >= LONGEST:
            _rest_at(c, c["fast"])
            c["mean"] = c["fast"]
            c["count"] = min(c["count"], YOUNG)
            s["adopted"] = True
        elif c["founder"] and not back:
            calm = False
    s["calm"] = s["calm"] + 1 if calm else 0
    over = bool(s["calm"] >= min(HOLD, max(5, s["length"] // 2))) and not gross
    if over:
        s["active"] = False
        for j in range(d):
            if channels[j]["member"]:
                _rest_at(channels[j], channels[j]["fast"])
    return over


@kernel
def changed_level(c: Any, threshold: float, marked: bool) -> float:  # noqa: FBT001
    """Follow the level since the last changepoint; return by how many units it was left in an anomaly, 0 within them."""
    if c["count"] < 64:
        c["segment"] = c["slow"]
        c["segment_count"] = 64
        return 0.0
    if c["settle"] > 0:
        c["settle"] -= 1
        if c["settle"] == 12:
            c["segment"] = c["fast"]
            c["segment_count"] = 16
        return 0.0
    c["segment_count"] = min(c["segment_count"] + 1, 200)
    off = c["slow"] - c["segment"]
    c["segment"] += off / c["segment_count"]
    if not marked or off * off < threshold * threshold * c["square"][SHIFT]:
        return 0.0
    unit = level_unit(c) * (1.0 + 16.0 / c["segment_count"]) ** 0.5
    away = abs(off) / unit
    # One value far off moves the mean, and is no new level: two in a row have to be away.
    if away < threshold or min(abs(c["residual"][0]), abs(c["residual"][1])) < unit:
        return 0.0
    c["settle"] = 16
    return float(away)
