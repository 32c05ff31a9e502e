"""Intake: from decoded events of one model to predictions and labelled predictions.

The checks, in their order, are the stated policy:

1. future: an event more than `max_future` after its record's own time is refused, because one such event
   would make every honest one after it late;
2. late: a prediction or a failure more than `lateness` older than the newest event of its source is refused. A label
   on its own is not: it is judged by whether its prediction still waits;
3. duplicate: an id that came before with a prediction, or a label that came before, is refused; the first one counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from stream_app.core.performance import JoinVerdict, LabelJoin
from stream_app.core.versions import expect_version
from stream_app.events import Reason
from stream_app.monitors.predictions.arrivals import Arrivals, PredictionEvent
from stream_app.monitors.predictions.config import PredictionConfig
from stream_app.monitors.sensors import Refusal

__all__ = ["Admitted", "Intake", "Unlabelled"]

_VERSION = 1


class Unlabelled(NamedTuple):
    """What is kept of a prediction until its label comes; a tuple, because one is made for every event.

    Parameters
    ----------
    version : str
        The model's.
    predicted : str
        The predicted label.
    probabilities : tuple of (str, float) or None
        Each label's probability.
    features, categories : mapping
        What the model saw.
    """

    version: str
    predicted: str
    probabilities: tuple[tuple[str, float], ...] | None
    features: Mapping[str, float | None]
    categories: Mapping[str, str | None]


@dataclass(slots=True)
class Admitted:
    """Events of one delivery that count.

    Parameters
    ----------
    rows : list of int
        Their places among the arrivals; what follows counts by the place in this list.
    predictions : list of (int, PredictionEvent)
        Predictions and failures.
    labelled : list of (int, Unlabelled, str)
        Predictions that became known to be right or wrong, at the event that told, with the truth.
    refusals : list of Refusal
        The others.
    """

    rows: list[int] = field(default_factory=list)
    predictions: list[tuple[int, PredictionEvent]] = field(default_factory=list)
    labelled: list[tuple[int, Unlabelled, str]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class Intake:
    """Checks of one source, and its label join.

    Parameters
    ----------
    config : PredictionConfig
        Settings.
    """

    def __init__(self, config: PredictionConfig) -> None:
        self._config = config
        self.join: LabelJoin[Unlabelled] = LabelJoin(within=config.label_within, capacity=config.max_waiting)
        self.newest = float("-inf")
        """Newest time of the events that counted."""
        self.latest = float("-inf")
        """Newest time of all but those from the future, of refused ones, too."""

    def admit(self, arrivals: Arrivals) -> Admitted:
        """Sort events into what counts and what is refused."""
        admitted = Admitted()
        max_future = self._config.max_future
        for i, (row, record_ts) in enumerate(zip(arrivals.rows, arrivals.record_ts, strict=True)):
            if row.ts > record_ts + max_future:
                late = row.ts - record_ts
                problem = Reason.TIMESTAMP, f"ts {row.ts} is {late:.0f} s after its record's own time"
            else:
                self.latest = max(self.latest, row.ts)
                if (found := self._take(row, admitted)) is None:
                    self.newest = max(self.newest, row.ts)
                    admitted.rows.append(i)
                    continue
                problem = found
            admitted.refusals.append(Refusal(arrivals.offsets[i], *problem))
        return admitted

    def _take(self, row: PredictionEvent, admitted: Admitted) -> tuple[Reason, str] | None:
        """Take an event, or say why not."""
        at = len(admitted.rows)
        if row.prediction is None and not row.failed:
            verdict, item = self.join.label(row.id, row.ts, row.label or "")
            if item is not None:
                admitted.labelled.append((at, item, row.label or ""))
            return _repeated(row, "label") if verdict is JoinVerdict.DUPLICATE else None
        if row.ts < self.newest - self._config.lateness:
            return (
                Reason.LATE,
                f"ts {row.ts} is {self.newest - row.ts:.3f} s older than the newest of this source",
            )
        if row.prediction is None:
            if self.join.fail(row.id, row.ts) is JoinVerdict.DUPLICATE:
                return _repeated(row, "prediction")
        else:
            item = Unlabelled(row.version, row.prediction, row.probabilities, row.features, row.categories)
            verdict, label = self.join.predict(row.id, row.ts, item, row.label)
            if verdict is JoinVerdict.DUPLICATE:
                return _repeated(row, "prediction")
            if label is not None:
                admitted.labelled.append((at, item, label))
        admitted.predictions.append((at, row))
        return None

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "version": _VERSION,
            "newest": None if self.newest == float("-inf") else self.newest,
            "latest": None if self.latest == float("-inf") else self.latest,
            "join": self.join.state(_pack),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], config: PredictionConfig) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the intake")
        intake = cls(config)
        intake.newest = float("-inf") if state["newest"] is None else float(state["newest"])
        intake.latest = float("-inf") if state["latest"] is None else float(state["latest"])
        intake.join = LabelJoin.from_state(
            state["join"], _unpack, within=config.label_within, capacity=config.max_waiting
        )
        return intake


def _repeated(row: PredictionEvent, what: str) -> tuple[Reason, str]:
    return Reason.DUPLICATE, f"a {what} with the id {row.id[:80]!r} came before"


def _pack(items: Sequence[Unlabelled]) -> list[Any]:
    return [
        [
            item.version,
            item.predicted,
            None if item.probabilities is None else [list(pair) for pair in item.probabilities],
            dict(item.features),
            dict(item.categories),
        ]
        for item in items
    ]


def _unpack(packed: Sequence[Any]) -> list[Unlabelled]:
    return [
        Unlabelled(
            version,
            predicted,
            None if pairs is None else tuple((label, p) for label, p in pairs),
            features,
            categories,
        )
        for version, predicted, pairs, features, categories in packed
    ]
