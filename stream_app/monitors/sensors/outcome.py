"""Outcome of a delivery of readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.history import ClosedBuckets
from stream_app.events import Alert
from stream_app.monitors.base import Refusal

__all__ = ["EventScores", "Outcome"]


@dataclass(frozen=True, slots=True)
class EventScores:
    """Judgement of each event of a batch.

    Parameters
    ----------
    score : array, shape (n,)
        Anomaly score in decades: 3 is once in a thousand events. 0 while learning.
    anomaly : array of bool, shape (n,)
        Whether the event lies in an anomaly.
    changepoint : array of bool, shape (n,)
        Whether a change of level was found at it.
    drift : array of bool, shape (n,)
        Whether drift was found at it.
    """

    score: FloatArray
    anomaly: BoolArray
    changepoint: BoolArray
    drift: BoolArray

    @classmethod
    def quiet(cls, n: int) -> "EventScores":
        """Nothing seen at n events."""
        return cls(np.zeros(n), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool))

    @classmethod
    def joined(cls, parts: Sequence["EventScores"]) -> "EventScores":
        """Make one of several that follow each other."""
        if not parts:
            return cls.quiet(0)
        return cls(
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.anomaly for part in parts]),
            np.concatenate([part.changepoint for part in parts]),
            np.concatenate([part.drift for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update.

    Parameters
    ----------
    counted : dict of str to int
        Sources of which readings were counted, each with the offset of its last one.
    refusals : list of Refusal
        Readings that were set aside, in their order.
    alerts : list of Alert
        Alerts that began or ended, in the order of their events.
    scores : EventScores
        Judgement of each reading; zero and false of those that were refused.
    history : list of ClosedBuckets
        What is added to the history of sources.
    """

    counted: Mapping[str, int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    scores: EventScores = field(default_factory=lambda: EventScores.quiet(0))
    history: list[ClosedBuckets] = field(default_factory=list)
