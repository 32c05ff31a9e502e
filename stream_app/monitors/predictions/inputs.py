"""Drift of a model's input features and predicted classes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.performance import ClassMixDrift
from stream_app.core.reference import ReferenceTable
from stream_app.core.signals import Signal
from stream_app.core.twosample import PSI_SEVERE, WindowedTest, WindowedTestOptions
from stream_app.monitors.predictions.answers import Unlabelled
from stream_app.monitors.predictions.columns import PredictionColumns
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["MAX_FEATURES", "Inputs", "numbers"]

MAX_FEATURES = 64
"""Most features of a source: names are the producer's, memory is ours."""

_REFERENCE_WINDOWS = 2


class Inputs:
    """Drift of features and predicted classes of one source: each window against the first ones.

    Features of a reference of the stream are compared with it, from the first prediction on, and others are not watched. Classes, whose
    codes are the source's own, are always compared with the first ones.

    The names of the features, and of the categories, are those that the predictions of the reference have; a
    name that comes up later is not watched.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    reference : ReferenceTable, optional
        Normal features of a model.
    """

    def __init__(self, config: PredictionStream, reference: ReferenceTable | None = None) -> None:
        self._config = config
        self._reference = reference
        self._ending: tuple[str, ...] = ()
        self._learn = self._left = _REFERENCE_WINDOWS * config.feature_window
        self._first: list[Mapping[str, float | None]] = []
        self._numeric: dict[str, None] = {}
        self._categorical: dict[str, None] = {}
        self._test: WindowedTest | None = None
        classes = config.task == "classification"
        self._mix = ClassMixDrift(learn=self._learn, window=config.feature_window) if classes else None
        self._mixed = False
        if reference is not None:
            self._compare_with(reference)

    def _compare_with(self, reference: ReferenceTable) -> None:
        sample = reference.sample(reference.channels[:MAX_FEATURES])
        if sample is not None:
            self._test = WindowedTest(sample.channels, reference=sample, options=self._options())

    def _options(self) -> WindowedTestOptions:
        return WindowedTestOptions(
            tests=("psi",),
            window=self._config.feature_window,
            learn=_REFERENCE_WINDOWS * self._config.feature_window,
        )

    @property
    def known(self) -> bool:
        """Whether the names of all features are known."""
        return self._left == 0

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(self._numeric)

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the categories; a name that is a feature's, too, is the feature's."""
        return tuple(name for name in self._categorical if name not in self._numeric)

    @property
    def psi(self) -> tuple[tuple[str, float], ...]:
        """Stability index of each feature in the last complete window."""
        if self._test is None:
            return ()
        figures = ((name.removesuffix(".psi"), value) for name, value in self._test.features().items())
        return tuple((name, value) for name, value in figures if value is not None)

    @property
    def drifted(self) -> tuple[str, ...]:
        """Features, and ``prediction`` for the classes, that are in drift."""
        names = [name for name, value in self.psi if value >= PSI_SEVERE]
        return (*names, "prediction") if self._mixed else tuple(names)

    def update(self, columns: PredictionColumns) -> list[Named]:
        """Take predictions."""
        found = self._watch_classes(columns)
        items = columns.items
        if self._ending and len(items):
            found += self._end(columns)
        first = min(self._left, len(items))
        if first:
            for item in items[:first]:
                self._meet(item)
            self._left -= first
            if self.known:
                self._begin()
        if self._reference is not None:
            first = 0
        if self._test is None or first == len(items):
            return found
        rows = columns.answered[first:]
        ts = columns.ts[np.searchsorted(columns.row, rows)]
        for signal in self._test.update(ts, numbers(items[first:], self._test.channels)):
            found.append(("psi", replace(signal, row=int(rows[signal.row]), reference=self._version)))
        return found

    @property
    def _version(self) -> str:
        return "" if self._reference is None else self._reference.version

    def _end(self, columns: PredictionColumns) -> list[Named]:
        """End what was in drift against another reference."""
        row = int(columns.answered[0])
        ts = float(columns.ts[np.searchsorted(columns.row, row)])
        ending, self._ending = self._ending, ()
        return [
            (
                "psi",
                Signal(
                    row=row, ts=ts, kind="drift", detector="psi", channel=name, statistic=0.0,
                    threshold=PSI_SEVERE, ended=True,
                ),
            )
            for name in ending
        ]  # fmt: skip

    def _meet(self, item: Unlabelled) -> None:
        self._first.append(item.features)
        for names, mapping in ((self._numeric, item.features), (self._categorical, item.categories)):
            for name in mapping:
                if len(names) < MAX_FEATURES:
                    names[name] = None

    def _begin(self) -> None:
        if self._numeric and self._reference is None:
            options = replace(self._options(), learn=len(self._first))
            self._test = WindowedTest(self.numeric, options=options)
            self._test.update(np.zeros(len(self._first)), _matrix(self._first, self.numeric))
        self._first = []

    def _watch_classes(self, columns: PredictionColumns) -> list[Named]:
        if self._mix is None:
            return []
        found: list[Named] = []
        for at, psi in self._mix.update(columns.predicted):
            if psi >= PSI_SEVERE or self._mixed:
                self._mixed = psi >= PSI_SEVERE
                row = int(columns.answered[at])
                ts = float(columns.ts[np.searchsorted(columns.row, row)])
                found.append(
                    performance_signal(
                        "class_mix", row, ts, statistic=psi, threshold=PSI_SEVERE, ended=not self._mixed
                    )
                )
        return found

    def _restore_test(self, state: Mapping[str, Any] | None, version: str) -> None:
        if version != self._version:
            # Against another reference it begins anew; without one it learns from the next predictions.
            if state is not None:
                self._ending = tuple(sorted({str(channel) for _, channel in state["active"]}))
            if self._reference is None:
                self._first, self._left = [], self._learn
        elif self._reference is None:
            self._test = None if state is None else WindowedTest.from_state(state)
        elif state is not None and self._test is not None:
            self._test = WindowedTest.from_state(state, self._test.reference)

    def features(self) -> dict[str, float | None]:
        """Live features."""
        values: dict[str, float | None] = {
            "drifted_features": len(self.drifted),
        }
        if self._mix is not None:
            values["class_mix.psi"] = self._mix.psi
        return values | {f"{name}.psi": value for name, value in self.psi}

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "first": [dict(features) for features in self._first],
            "numeric": list(self._numeric),
            "categorical": list(self._categorical),
            "left": self._left,
            # Models share the rows of a reference.
            "test": None
            if self._test is None
            else self._test.state() | ({} if self._reference is None else {"reference": None}),
            "reference": self._version,
            "ending": list(self._ending),
            "mix": None if self._mix is None else self._mix.state(),
            "mixed": self._mixed,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`, with the windows that it has."""
        self._first = list(state["first"])
        self._numeric = dict.fromkeys(state["numeric"])
        self._categorical = dict.fromkeys(state["categorical"])
        self._left = min(int(state["left"]), self._learn)
        self._ending = tuple(map(str, state.get("ending", ())))
        self._restore_test(state["test"], str(state.get("reference", "")))
        if self._mix is not None and state["mix"] is not None:
            self._mix = ClassMixDrift.from_state(
                state["mix"], learn=self._learn, window=self._config.feature_window
            )
        self._mixed = bool(state["mixed"])


def numbers(items: Sequence[Unlabelled], names: tuple[str, ...]) -> FloatArray:
    """Return the features of predictions, shape (n, d); NaN where one is missing."""
    return _matrix([item.features for item in items], names)


def _matrix(rows: Sequence[Mapping[str, float | None]], names: tuple[str, ...]) -> FloatArray:
    # numpy makes NaN of None. Nearly always the names come in one order, and need no look one by one.
    if [*map(tuple, rows)].count(names) == len(rows):
        cells = [list(row.values()) for row in rows]
    else:
        cells = [[row.get(name) for name in names] for row in rows]
    return np.array(cells, dtype=np.float64).reshape(len(rows), len(names))
