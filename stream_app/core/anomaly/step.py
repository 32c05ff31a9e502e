"""The anomaly detector: a function of one event and the records of its source."""

import math
from typing import Any

import numpy.typing as npt

from stream_app.core.anomaly.calibration import note_source_peak, rarity, set_levels, told_height
from stream_app.core.anomaly.changes import (
    CHANGED,
    fade_changes,
    is_news,
    level_changed,
    note_level,
    settle_change,
    size_of_change,
)
from stream_app.core.anomaly.channel import channel_step, is_gross
from stream_app.core.anomaly.episode import episode_step
from stream_app.core.anomaly.forecast import forecast_seasons
from stream_app.core.anomaly.joint import joint_step
from stream_app.core.anomaly.records import JOINT_CHANNELS
from stream_app.core.anomaly.seasons import set_phases
from stream_app.core.anomaly.warmup import least_events, warmup_left
from stream_app.core.kernel import Counter, emit, kernel

__all__ = ["ANOMALY", "MEAN_SHIFT", "anomaly_step"]

ANOMALY, MEAN_SHIFT = 0, 1
"""Numbers of the detectors in signals."""

NOTABLE = 8.0
"""Evidence, in nats, from which on a second and a third channel add half of what is beyond it: once in 3,000 events."""
COMPRESSED = 20.0
"""Evidence beyond this grows with its logarithm, so that peaks of any height fit the histogram of peaks."""
REST = 8
"""Events below the level of marks before the next alarm: evidence that hovers about the level of alarms is one alarm, not twenty."""
RECENT = 0.97
"""Share of the fading maximum of rarities that the next event keeps: means of 16 values forget in about 32 events."""
KNOWN = 0.25
"""Share of it that is taken off the score: what lasts is news once."""
RENEWED = 16
"""Events after which the levels are set anew."""

Array = npt.NDArray[Any]


@kernel
def _clock(s: Any, ts: float) -> None:
    """Learn the usual time between events, whatever a clock does."""
    if not abs(ts) < 1e15:
        return
    if s["events"] > 1:
        gap = min(max(ts - s["last_ts"], 0.0), 1e6)
        if s["events"] == 2:
            s["gap"] = gap
        else:
            s["gap"] += (min(gap, 5.0 * s["gap"] + 1e-9) - s["gap"]) / min(s["events"], 100)
    s["last_ts"] = ts


@kernel
def _channels_evidence(
    channels: Array,
    season: Any,
    values: Array,
    phases: Array,
    periods: Array,
    gap: float,
    learned: float,
    least: int,
) -> float:
    """Step each channel; return the largest evidence, and half of what the next two have beyond `NOTABLE`.

    The past of a channel that came later than its source begins with it, and is `least` events before its evidence counts.
    """
    forecast_seasons(channels, season, values, phases, periods, gap)
    first = second = third = 0.0
    for j in range(channels.shape[0]):
        c = channels[j]
        if c["count"] == 0:
            c["joined"] = learned
        own = learned if c["joined"] == 0.0 else max(0.0, learned - c["joined"] - least)
        g = channel_step(c, values[j], own)
        if g > first:
            first, second, third = g, first, second
        elif g > second:
            second, third = g, second
        elif g > third:
            third = g
    evidence = first + 0.5 * (max(0.0, second - NOTABLE) + max(0.0, third - NOTABLE))
    return evidence if evidence <= COMPRESSED else COMPRESSED + 5.0 * math.log(evidence / COMPRESSED)


@kernel
def _blame(s: Any, channels: Array, weight: Array, jointly: bool) -> None:  # noqa: FBT001
    """Find the three channels that have the most in an alarm, and what was usual of the first."""
    total = 0.0
    for j in range(channels.shape[0]):
        total += _part(channels[j], weight[j], jointly)
    s["blamed"][:] = -1
    s["share"][:] = 0.0
    for k in range(3):
        most = 0.0
        for j in range(channels.shape[0]):
            part = _part(channels[j], weight[j], jointly)
            if part > most and j != s["blamed"][0] and j != s["blamed"][1]:
                most = part
                s["blamed"][k] = j
                s["share"][k] = part / total
    j = s["blamed"][0]
    if j >= 0:
        c = channels[j]
        usual, expected = _usual(c), c["base"] + c["season"]
        s["figures"][0] = expected
        s["figures"][1] = _level_now(c)
        s["figures"][2] = expected - usual
        s["figures"][3] = expected + usual
        s["figures"][4] = c["usual_noise"]
        s["figures"][5] = c["noise"]


@kernel
def _usual(c: Any) -> float:
    """Return how far off single values of a channel usually are at most."""
    return 3.0 * 1.25 * float(c["size"])


@kernel
def _level_now(c: Any) -> float:
    """Return where a channel is: a mean of its latest values, or the last where that is so far off that a mean lags behind."""
    if abs(c["last"] - c["base"] - c["season"]) > _usual(c):
        return float(c["last"])
    return float(c["fast"]) + float(c["season"])


@kernel
def _part(c: Any, weight: float, jointly: bool) -> float:  # noqa: FBT001
    return float(max(weight, 0.0)) if jointly else float(c["evidence"]) ** 2


@kernel
def _tell(s: Any, channels: Array, row: int, ended: bool, signals: Array, count: Counter) -> None:  # noqa: FBT001
    """Emit the beginning or the end of an alarm; its height and the level are in decades, as the score."""
    height, level = rarity(s, s["height"]), rarity(s, s["alarm_level"])
    signal = emit(signals, count, row, ANOMALY, -1, ended, height, level)
    for k in range(len(signal["blamed"])):
        signal["blamed"][k] = s["blamed"][k]
        signal["share"][k] = s["share"][k]
    for k in range(len(signal["figures"])):
        signal["figures"][k] = s["figures"][k]
    if ended:
        if 0 <= s["blamed"][0] < channels.shape[0]:
            signal["figures"][1] = _level_now(channels[s["blamed"][0]])
        signal["figures"][4] = float(s["length"])
        signal["figures"][5] = 1.0 if s["adopted"] else 0.0


@kernel
def _changes(s: Any, channels: Array, judged: bool, row: int, signals: Array, count: Counter) -> None:  # noqa: FBT001
    """Find changes of level, and tell the largest that is news where no alarm tells of it.

    The usual band reaches from the lowest to the highest level that the channel had outside of episodes, and beyond as far as
    single values do: what alternates between levels is at none of them out of the ordinary.
    """
    largest, before, at = 0.0, 0.0, -1
    watching = s["active"] or not judged
    for j in range(channels.shape[0]):
        c = channels[j]
        size = 0.0 if s["alarmed"] else size_of_change(c)
        if size > 0.0 and is_news(c, size) and judged and size > largest:
            largest, before, at = size, c["segment"], j
        if level_changed(c, watching):
            s["changepoint"] = judged
        if c["change"] > 0.0 and not watching:
            settle_change(c)
        if not s["active"]:
            note_level(c)
    if at >= 0:
        signal = emit(signals, count, row, MEAN_SHIFT, at, False, largest, CHANGED)  # noqa: FBT003
        signal["blamed"][0] = at
        signal["share"][0] = 1.0
        c = channels[at]
        usual = _usual(c)
        signal["figures"][0] = before
        signal["figures"][1] = c["fast"]
        signal["figures"][2] = min(before, c["levels"][0]) - usual
        signal["figures"][3] = max(before, c["levels"][1]) + usual


@kernel
def anomaly_step(  # noqa: C901 one step after the other
    records: Any,
    options: Any,
    calendar: Any,
    rate: float,
    ts: float,
    values: Array,
    row: int,
    signals: Array,
    count: Counter,
) -> None:
    """Take an event; afterwards the source's record says `score`, `marked`, `alarmed` and `changepoint` of it.

    Parameters
    ----------
    records : tuple
        Those of the source, see `anomaly_layout`, in its order.
    options : record of OPTIONS
        Options of the detector, from `AnomalyConfig`.
    calendar : tuple of arrays
        See `calendar_options`.
    rate : float
        False alarms allowed an event; NaN where that is not known yet.
    ts : float
        Event time in epoch seconds.
    values : array of float, shape (d,)
        NaN where a channel is missing.
    row : int
        Row of the event, for signals.
    signals, count
        Buffer with room for three signals.
    """
    s, channels, seasons, profiles, visits, correlation, inverse, weight = records
    s["events"] += 1
    events = s["events"]
    warmup = options["warmup"]
    _clock(s, ts)
    s["changepoint"] = False
    s["score"] = 0.0
    least = least_events(warmup)
    counts = events > least
    if counts:
        s["learned"] += 1
    learned = float(s["learned"])
    d = channels.shape[0]
    set_phases(s["last_ts"], s["gap"], calendar)
    evidence = _channels_evidence(
        channels, (seasons, profiles, visits), values, calendar[3], calendar[0], s["gap"], learned, least
    )
    gross = False
    for j in range(d):
        gross = gross or is_gross(channels[j])
        # What is learned slowly by now takes a channel that comes late for a quiet one, else.
        if channels[j]["count"] == 1 and learned > 0.0 and d <= JOINT_CHANNELS:
            correlation[j, j] = 1.0
    jointly = False
    if counts and 1 < d <= JOINT_CHANNELS:
        joint = joint_step(s, channels, correlation, inverse, weight, warmup)
        jointly = joint > evidence
        evidence = max(evidence, joint)
    if events % RENEWED == 0 or s["alarm_level"] == 0.0:
        set_levels(s, d, rate)
        fade_changes(channels, RENEWED * rate)
    if gross:
        evidence = max(evidence, s["alarm_level"])
    if counts:
        note_source_peak(s, evidence)
    s["warmup_left"] = warmup_left(events, warmup, rate)
    if s["warmup_left"] > 0:
        _changes(s, channels, False, row, signals, count)  # noqa: FBT003
        return
    s["recent"] *= RECENT
    rare = rarity(s, evidence)
    s["score"] = max(0.0, rare - KNOWN * s["recent"])
    s["recent"] = max(s["recent"], rare)
    if s["active"] or gross or evidence >= s["mark_level"]:
        _watch_episode(s, channels, weight, evidence, gross, jointly, warmup, rate, row, signals, count)
    elif s["rest"] > 0:
        s["rest"] -= 1
    s["marked"] = s["active"]
    _changes(s, channels, True, row, signals, count)  # noqa: FBT003


@kernel
def _watch_episode(
    s: Any,
    channels: Array,
    weight: Array,
    evidence: float,
    gross: bool,  # noqa: FBT001
    jointly: bool,  # noqa: FBT001
    warmup: int,
    rate: float,
    row: int,
    signals: Array,
    count: Counter,
) -> None:
    """Go on in an episode, and begin and end alarms in it."""
    over = episode_step(s, channels, weight, evidence, jointly, warmup)
    if gross or evidence >= s["alarm_level"]:
        if s["rest"] <= 0 or (gross and not s["alarmed"]):
            if s["alarmed"]:
                _tell(s, channels, row, True, signals, count)  # noqa: FBT003
            s["alarmed"] = True
            s["alarms"] += 1.0
            s["height"] = evidence
            _blame(s, channels, weight, jointly)
            _tell(s, channels, row, False, signals, count)  # noqa: FBT003
            if s["told"]:
                told_height(s, evidence)
            else:
                s["peak"] = max(s["peak"], evidence)
            s["told"] = True
            set_levels(s, channels.shape[0], rate)
        s["rest"] = REST
    elif s["rest"] > 0 and evidence < s["mark_level"]:
        s["rest"] -= 1
    if over and s["alarmed"]:
        s["alarmed"] = False
        _tell(s, channels, row, True, signals, count)  # noqa: FBT003
