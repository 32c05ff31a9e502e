"""Intake: from decoded events of one model to predictions and labelled predictions.

The checks, in their order, are the stated policy:

1. future: an event more than `max_future` after its record's own time is refused;
2. labels: an event whose answer or truth is none is refused (`stream_app.monitors.predictions.answers`);
3. ahead and late: a prediction or a failure that is far ahead of the model's watermark is refused until others agree with
   it, and so is one more than `lateness` older (`stream_app.core.watermark`). A label on its own is neither, and makes none
   late: it is judged by whether its prediction still waits;
4. duplicate: an id that came before with a prediction, or a label that came before, is refused; the first one counts.

A model whose predictions are refused for their times, `MOST_REFUSED` in a row, is told by `quality.refused` until one counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from stream_app.core.performance import JoinVerdict, LabelJoin, Labels
from stream_app.core.signals import Signal
from stream_app.core.versions import expect_version
from stream_app.core.watermark import ON_TIME
from stream_app.events import PredictionRow, Reason
from stream_app.monitors.base import Refusal
from stream_app.monitors.predictions.answers import Unlabelled, answers_of
from stream_app.monitors.predictions.clocks import (
    follow,
    fresh_clocks,
    model_time,
    pack_clocks,
    unpack_clocks,
)
from stream_app.monitors.predictions.outcome import Arrivals
from stream_app.monitors.refusals import FUTURE, MOST_REFUSED, refusal, refused_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["Admitted", "Intake", "Judged", "Look"]

_VERSION = 2

_LABEL = -1
"""Beside the codes of `refusals`: an event that names a label that is none."""


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
    signals : list of Signal
        That many in a row were refused, and that this is over; they count by the place among the arrivals.
    """

    rows: list[int] = field(default_factory=list)
    attempts: list[tuple[int, PredictionRow]] = field(default_factory=list)
    predictions: list[tuple[int, Unlabelled]] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)


class Look(NamedTuple):
    """Times of events.

    Parameters
    ----------
    taken : int
        Events up to one before which the model was away.
    codes : list of int
        What becomes of each.
    times : list of float
        Time of the model before the first one, and after each.
    """

    taken: int
    codes: list[int]
    times: list[float]


class Intake:
    """Intake of one source: checks, label codes and label join.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._config = config
        self.answers = answers_of(config)
        self.join: LabelJoin[Unlabelled] = LabelJoin(within=config.label_within, capacity=config.max_waiting)
        self._clocks = fresh_clocks()
        self._refused = 0

    @property
    def labels(self) -> Labels:
        """Codes of the classes."""
        return self.answers.labels

    @property
    def newest(self) -> float:
        """The event time that the model has reached, epoch seconds; -inf before its first event."""
        return model_time(self._clocks)

    def look(self, arrivals: Arrivals) -> Look:
        """Look at the times of events, in their order, up to one before which the model was away."""
        config, rows = self._config, arrivals.rows
        ts = arrivals.ts
        record_ts = np.array(arrivals.record_ts, dtype=np.float64)
        codes = np.where(ts > record_ts + config.max_future, FUTURE, ON_TIME)
        odd = [self.answers.odd(row) is not None for row in rows]
        codes[np.array(odd) & (codes == ON_TIME)] = _LABEL
        only_label = np.array([row.prediction is None and not row.failed for row in rows])
        before, times = self.newest, np.empty(len(ts))
        taken = follow(
            self._clocks, config.lateness, config.source_ttl, ts, record_ts, only_label, codes, times
        )
        return Look(taken, codes[:taken].tolist(), [before, *times[:taken].tolist()])

    def admit(self, arrivals: Arrivals, look: Look) -> Admitted:
        """Divide events that were looked at into admitted and refused ones."""
        admitted = Admitted()
        for i, (row, code) in enumerate(zip(arrivals.rows, look.codes, strict=True)):
            offset, record_ts, before = arrivals.offsets[i], arrivals.record_ts[i], look.times[i]
            if code == _LABEL:
                admitted.refusals.append(Refusal(offset, Reason.LABEL, self.answers.odd(row) or ""))
            elif code != ON_TIME:
                admitted.refusals.append(refusal(code, offset, row.ts, record_ts, before))
                self._refuse(i, row.ts, before if math.isfinite(before) else record_ts, admitted)
            elif problem := self._take(row, look.times[i + 1], admitted):
                admitted.refusals.append(Refusal(offset, *problem))
            else:
                self._count(i, row, admitted)
        return admitted

    def _refuse(self, at: int, ts: float, newest: float, admitted: Admitted) -> None:
        self._refused += 1
        if self._refused == MOST_REFUSED:
            admitted.signals.append(refused_signal(at, MOST_REFUSED, newest, behind=newest - ts))

    def _count(self, at: int, row: PredictionRow, admitted: Admitted) -> None:
        admitted.rows.append(at)
        # Labels count however old they are: they say nothing about the times of predictions.
        if row.prediction is not None or row.failed or self._clocks["newest"][0] == -math.inf:
            if self._refused >= MOST_REFUSED:
                admitted.signals.append(refused_signal(at, self._refused, row.ts, behind=None))
            self._refused = 0

    def _take(self, row: PredictionRow, time: float, admitted: Admitted) -> tuple[Reason, str] | None:
        """Take an event at a time of the model, or say why not."""
        at = len(admitted.rows)
        if row.prediction is None and not row.failed:
            return self._judge(row, time, at, admitted)
        # Before its labels are learned: a refused prediction leaves nothing.
        if self.join.is_repeated(row.id, time):
            return _repeated(row, "prediction")
        if row.prediction is None:
            self.join.fail(row.id, time)
        else:
            item = self.answers.unlabelled(row, row.prediction)
            _, truth = self.join.predict(row.id, time, item, row.label)
            admitted.predictions.append((at, item))
            if truth is not None:
                admitted.judged.append(Judged(at, item, truth, self.labels.code(truth)))
        admitted.attempts.append((at, row))
        return None

    def _judge(
        self, row: PredictionRow, time: float, at: int, admitted: Admitted
    ) -> tuple[Reason, str] | None:
        truth = row.label or ""
        verdict, item = self.join.label(row.id, time, truth, own_ts=row.ts)
        if item is not None:
            admitted.judged.append(Judged(at, item, truth, self.labels.code(truth)))
        return _repeated(row, "label") if verdict is JoinVerdict.DUPLICATE else None

    def state(self) -> dict[str, Any]:
        """State as plain values, for `from_state`."""
        return {
            "version": _VERSION,
            "clocks": pack_clocks(self._clocks),
            "refused": self._refused,
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
        intake.answers = answers_of(config, [str(name) for name in state["labels"]])
        intake._clocks = unpack_clocks(state["clocks"])
        intake._refused = int(state["refused"])
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
