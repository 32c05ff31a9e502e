"""Dead letters after they were written: looking them up, and sending them back.

The dead-letter topic is the only place where anything about them is kept. `DeadLetterIndex` is what a look at all of it gives;
`Replay` sends letters back to where they came from, and writes down in the same topic which ones it sent.
"""

from stream_app.dead_letters.index import DeadLetterIndex, Origin, ReplayStatus, Row, scan
from stream_app.dead_letters.markers import REPLAY_HEADER, Place
from stream_app.dead_letters.replay import Replay, ReplayPlan, plan_replay

__all__ = [
    "REPLAY_HEADER",
    "DeadLetterIndex",
    "Origin",
    "Place",
    "Replay",
    "ReplayPlan",
    "ReplayStatus",
    "Row",
    "plan_replay",
    "scan",
]
