"""Times of a replay beside those that its topic has: what begins before the newest event of its source will be refused as late."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np

from producers.batch import EventBatch, Source

__all__ = ["note_overlap", "shift_to_now"]


def shift_to_now(source: Source, present: Mapping[str, float], *, now: float | None = None) -> float:
    """Return by how many seconds the first events of a source have to be shifted so that they come now.

    Parameters
    ----------
    source : Source
        What is replayed.
    present : mapping of str to float
        Time of the newest event that the topic has of each source, in epoch seconds; nothing is shifted to before it.
    now : float, optional
        The time, in epoch seconds.
    """
    begin = next((float(batch.ts.min()) for batch in source.batches() if len(batch)), None)
    if begin is None:
        return 0.0
    newest = max(present.values(), default=-np.inf) + 1.0
    return float(np.floor(max(time.time() if now is None else now, newest) - begin))


def note_overlap(
    events: EventBatch, topic: str, present: Mapping[str, float], note: Callable[[str], None]
) -> None:
    """Tell if the first events of a replay are older than what the topic has of their sources.

    Parameters
    ----------
    events : EventBatch
        The first ones.
    topic : str
        Name of the topic.
    present : mapping of str to float
        See `shift_to_now`.
    note : callable
        Takes the line.
    """
    for code in np.unique(events.source).tolist():
        name = events.names[code]
        first = float(events.ts[events.source == code].min())
        if name in present and first <= present[name]:
            note(
                f"{topic} has events of {name} up to {_text(present[name])} already, and this replay begins at {_text(first)}: a "
                "worker refuses what is older than the newest of its source as late; --from-now shifts the times"
            )
            return


def _text(ts: float) -> str:
    return datetime.fromtimestamp(ts, UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
