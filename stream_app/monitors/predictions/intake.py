"""Intake: from decoded events of one model to predictions and labelled predictions.

The checks, in their order, are the stated policy:

1. future: an event more than `max_future` after its record's own time is refused, because one such event
   would make every honest one after it late;
2. labels: where they are declared, an event that names another one is refused;
3. late: a prediction or a failure more than `lateness` older than the newest one of its source is refused. A label on its own
   is not, and makes none late: it is judged by whether its prediction still waits;
4. duplicate: an id that came before with a prediction, or a label that came before, is refused; the first one counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from stream_app.core.performance import JoinVerdict, LabelJoin, Labels
from stream_app.core.versions import expect_version
from stream_app.events import PredictionRow, Reason
from stream_app.monitors.base import Refusal
from stream_app.monitors.predictions.outcome import Arrivals
from stream_app.settings.predictions import PredictionStream

__all__ = ["MAX_LABELS", "Admitted", "Intake", "Judged", "Unlabelled"]

MAX_LABELS = 1024
"""Labels of a source that are counted each on its own; all others are counted as one."""

_VERSION = 1


class Unlabelled(NamedTuple):
    """A prediction that waits for its label; a tuple, because one is made for every event.

    Parameters
    ----------
    version : str
        Version of the model.
    predicted : str
        The predicted label.
    code : int
        Code of the predicted label.
    columns : tuple of int
        Numbers of the labels that have a probability; empty without any.
    values : tuple of float
        Probabilities of the labels.
    features, categories : mapping
        What the model saw.
    """

    version: str
    predicted: str
    code: int
    columns: tuple[int, ...]
    values: tuple[float, ...]
    features: Mapping[str, float | None]
    categories: Mapping[str, str | None]


class Judged(NamedTuple):
    """A labelled prediction, and the position of the event that brought the label."""

    at: int
    item: Unlabelled
    truth: str
    code: int


@dataclass(slots=True)
class Admitted:
    """Admitted events of one delivery.

    Parameters
    ----------
    rows : list of int
        Their places among the arrivals; what follows counts by the place in this list.
    attempts : list of (int, PredictionRow)
        Predictions and failures.
    predictions : list of (int, Unlabelled)
        Row and content of each admitted prediction.
    judged : list of Judged
        Predictions that became known to be right or wrong.
    refusals : list of Refusal
        Events that are refused.
    """

    rows: list[int] = field(default_factory=list)
    attempts: list[tuple[int, PredictionRow]] = field(default_factory=list)
    predictions: list[tuple[int, Unlabelled]] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class Intake:
    """Intake of one source: checks, label codes and label join.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._config = config
        self._declared = None if config.labels is None else frozenset(config.labels)
        self.labels = Labels(MAX_LABELS)
        self.join: LabelJoin[Unlabelled] = LabelJoin(within=config.label_within, capacity=config.max_waiting)
        self.newest = float("-inf")
        """Newest time of the events that counted."""
        self._newest_attempt = float("-inf")
        self.latest = float("-inf")
        """Newest time of all but those from the future, of refused ones, too."""

    def admit(self, arrivals: Arrivals) -> Admitted:
        """Divide events into admitted and refused ones."""
        admitted = Admitted()
        max_future = self._config.max_future
        for i, (row, record_ts) in enumerate(zip(arrivals.rows, arrivals.record_ts, strict=True)):
            if row.ts > record_ts + max_future:
                early = row.ts - record_ts
                problem = Reason.TIMESTAMP, f"ts {row.ts} is {early:.0f} s after its record's own time"
            else:
                self.latest = max(self.latest, row.ts)
                found = self._take(row, admitted)
                if found is None:
                    self.newest = max(self.newest, row.ts)
                    admitted.rows.append(i)
                    continue
                problem = found
            admitted.refusals.append(Refusal(arrivals.offsets[i], *problem))
        return admitted

    def _take(self, row: PredictionRow, admitted: Admitted) -> tuple[Reason, str] | None:
        """Take an event, or say why not."""
        if self._declared is not None and (unknown := self._undeclared(row)):
            return (
                Reason.LABEL,
                f"the label {unknown[:80]!r} is not among the {len(self._declared)} declared ones",
            )
        at = len(admitted.rows)
        if row.prediction is None and not row.failed:
            return self._judge(row, at, admitted)
        behind = self._newest_attempt - row.ts
        if behind > self._config.lateness:
            return (
                Reason.LATE,
                f"ts {row.ts} is {behind:.3f} s older than the newest prediction of this source",
            )
        # Before its labels are learned: a refused prediction leaves nothing.
        if self.join.is_repeated(row.id, row.ts):
            return _repeated(row, "prediction")
        if row.prediction is None:
            self.join.fail(row.id, row.ts)
        else:
            item = self._unlabelled(row, row.prediction)
            _, truth = self.join.predict(row.id, row.ts, item, row.label)
            admitted.predictions.append((at, item))
            if truth is not None:
                admitted.judged.append(Judged(at, item, truth, self.labels.code(truth)))
        admitted.attempts.append((at, row))
        self._newest_attempt = max(self._newest_attempt, row.ts)
        return None

    def _judge(self, row: PredictionRow, at: int, admitted: Admitted) -> tuple[Reason, str] | None:
        truth = row.label or ""
        verdict, item = self.join.label(row.id, row.ts, truth)
        if item is not None:
            admitted.judged.append(Judged(at, item, truth, self.labels.code(truth)))
        return _repeated(row, "label") if verdict is JoinVerdict.DUPLICATE else None

    def _undeclared(self, row: PredictionRow) -> str | None:
        named = [label for label in (row.prediction, row.label) if label is not None]
        named += [label for label, _ in row.probabilities or ()]
        return next((label for label in named if label not in (self._declared or ())), None)

    def _unlabelled(self, row: PredictionRow, predicted: str) -> Unlabelled:
        columns: tuple[int, ...] = ()
        values: tuple[float, ...] = ()
        if row.probabilities:
            names, values = zip(*row.probabilities, strict=True)
            columns = self.labels.columns(names)
        code = self.labels.code(predicted)
        return Unlabelled(row.version, predicted, code, columns, values, row.features, row.categories)

    def state(self) -> dict[str, Any]:
        """State as plain values, for `from_state`."""
        return {
            "version": _VERSION,
            "newest": self.newest,
            "newest_attempt": self._newest_attempt,
            "latest": self.latest,
            "labels": self.labels.names,
            "join": self.join.state(_pack),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], config: PredictionStream) -> Self:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the intake")
        intake = cls(config)
        intake.labels = Labels(MAX_LABELS, [str(name) for name in state["labels"]])
        intake.newest, intake.latest = float(state["newest"]), float(state["latest"])
        intake._newest_attempt = float(state["newest_attempt"])
        intake.join = LabelJoin.from_state(
            state["join"], _unpack, within=config.label_within, capacity=config.max_waiting
        )
        return intake


def _repeated(row: PredictionRow, what: str) -> tuple[Reason, str]:
    return Reason.DUPLICATE, f"a {what} with the id {row.id[:80]!r} came before"


def _pack(items: Sequence[Unlabelled]) -> dict[str, Any]:
    """Write items in columns; what nearly all of them share is written once."""
    layouts: dict[tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...]], int] = {}
    of = [
        layouts.setdefault((item.columns, tuple(item.features), tuple(item.categories)), len(layouts))
        for item in items
    ]
    return {
        "layouts": [[list(part) for part in layout] for layout in layouts],
        "layout": of,
        "version": [item.version for item in items],
        "predicted": [item.predicted for item in items],
        "code": [item.code for item in items],
        "values": [list(item.values) for item in items],
        "features": [list(item.features.values()) for item in items],
        "categories": [list(item.categories.values()) for item in items],
    }


def _unpack(packed: Mapping[str, Any]) -> list[Unlabelled]:
    layouts = [(tuple(columns), features, categories) for columns, features, categories in packed["layouts"]]
    rows = zip(
        *(
            packed[name]
            for name in ("layout", "version", "predicted", "code", "values", "features", "categories")
        ),
        strict=True,
    )
    return [
        Unlabelled(
            version,
            predicted,
            code,
            layouts[of][0],
            tuple(values),
            dict(zip(layouts[of][1], features, strict=True)),
            dict(zip(layouts[of][2], categories, strict=True)),
        )
        for of, version, predicted, code, values, features, categories in rows
    ]
