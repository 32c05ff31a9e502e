"""Changes of level within an episode, and which of them are reported.

A channel is at a new level where its mean of 16 values is several units off the mean since the last change. A few events later its size
is seen, and if no alarm tells of the episode by then, the change is told on its own, unless the channel's past shows it to be routine:

- it is more than twice as large as every earlier change of the same episode, so that a return is not told after the departure;
- and as the second largest change of past episodes: what happened twice is a habit. The warm-up counts as one episode.

The two largest changes of the past halve whenever the channel's share of the budget allows another false alarm. So changes of one
height are told twice, and then at most twice in that time, whatever the stream; a larger one is told at once. In an alarm, the alarm tells
of the change; it was news, and counts for no habit.
"""

from typing import Any

import numpy as np

from stream_app.core.anomaly.channel import level_unit
from stream_app.core.anomaly.records import SHIFT
from stream_app.core.kernel import kernel

__all__ = [
    "CHANGED",
    "fade_changes",
    "is_news",
    "level_changed",
    "note_level",
    "settle_change",
    "size_of_change",
]

CHANGED = 5.0
"""Units that a level is left by at a change."""
TWICE = 2.0
"""Changes within this factor are of one height."""
LONGEST_SEGMENT = 200
SETTLING = 16
"""Events after a change in which the mean of 16 values reaches the new level."""
SETTLED = 12
"""Events left of them when the size of the change is looked at: by then the mean of 8 values has moved, and an alarm may tell of it."""
YOUNGEST = 64
"""Values that a channel needs before a level is known."""


@kernel
def size_of_change(c: Any) -> float:
    """Return by how many units a level has changed, at the event at which that is looked at; 0 at others."""
    if c["settle"] != SETTLED + 1 or c["count"] < YOUNGEST:
        return 0.0
    return float(abs(c["fast"] - c["segment"]) / level_unit(c))


@kernel
def level_changed(c: Any, watching: bool) -> bool:  # noqa: FBT001 a kernel takes no keywords
    """Follow the level since the last change; return whether it was left by `CHANGED` units.

    Parameters
    ----------
    c : record of CHANNEL
    watching : bool
        Whether the level may have changed: in an episode, or while nothing is judged yet.
    """
    if c["count"] < YOUNGEST:
        c["segment"] = c["slow"]
        c["segment_count"] = YOUNGEST
        c["levels"][:] = c["slow"]
        return False
    if c["settle"] > 0:
        c["settle"] -= 1
        if c["settle"] == SETTLED:
            c["segment"] = c["fast"]
            c["segment_count"] = SETTLING
        return False
    c["segment_count"] = min(c["segment_count"] + 1, LONGEST_SEGMENT)
    off = c["slow"] - c["segment"]
    c["segment"] += off / c["segment_count"]
    if not watching or off * off < CHANGED * CHANGED * c["square"][SHIFT]:
        return False
    unit = level_unit(c)
    # One value far off moves the mean, and is no new level: two in a row have to be away.
    lasting = min(abs(c["residual"][0]), abs(c["residual"][1]))
    if lasting < unit or abs(off) < CHANGED * unit * (1.0 + SETTLING / c["segment_count"]) ** 0.5:
        return False
    c["settle"] = SETTLING
    return True


@kernel
def note_level(c: Any) -> None:
    """Take the level for one of those that the channel has outside of episodes."""
    c["levels"][0] = min(c["levels"][0], c["slow"])
    c["levels"][1] = max(c["levels"][1], c["slow"])


@kernel
def is_news(c: Any, size: float) -> bool:
    """Take a change of so many units into the episode's; return whether it is to be told."""
    news = size > TWICE * max(c["change"], c["changes"][1])
    c["change"] = max(c["change"], size)
    return bool(news)


@kernel
def settle_change(c: Any) -> None:
    """Take the largest change of an episode that is over into those of the past."""
    changes = c["changes"]
    if c["change"] > changes[0]:
        changes[1] = changes[0]
        changes[0] = c["change"]
    else:
        changes[1] = max(changes[1], c["change"])
    c["change"] = 0.0


@kernel
def fade_changes(channels: Any, due: float) -> None:
    """Let the past fade by so many false alarms that the budget has allowed since the last time."""
    if not due > 0.0:
        return
    kept = np.exp2(-due / channels.shape[0])
    for j in range(channels.shape[0]):
        changes = channels[j]["changes"]
        changes[0] *= kept
        changes[1] *= kept
