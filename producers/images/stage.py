"""From images to events: worse, measured, judged, and the labels when they are due."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.drift import Change
from producers.images.batch import Frames, ImageEvents, Shots, What
from producers.images.classifier import DIGITS, Model
from producers.images.corruptions import Corruptor
from producers.images.levels import levels_at
from producers.images.options import ImageOptions
from producers.remote import Remote
from stream_app.core.embedding import PrincipalComponents
from stream_app.core.image_features import FEATURES, measure
from stream_app.tables.cells import LabelColumn

__all__ = ["Stage"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LABELS_SEED = 1
_BLOCK = 4096


@dataclass(slots=True)
class Stage:
    """Makes events of the images of one replay, in order.

    The events of an image do not depend on which others are worked on with it.

    Parameters
    ----------
    camera : str
        Source of the features.
    options : ImageOptions
    embedding : PrincipalComponents
    model : Model or None
        Whose predictions are sent; None sends none.
    changes : sequence of Change
        Schedule of level changes, from ``--drift``.
    seed : int
        Of noise and missing labels.
    remote : Remote
        Its level holds from the next images on, once it has one.
    first : int
        Number of the first image.
    """

    camera: str
    options: ImageOptions
    embedding: PrincipalComponents
    model: Model | None
    changes: Sequence[Change]
    seed: int
    remote: Remote
    first: int = 0
    _corruptor: Corruptor = field(init=False)
    _number: int = field(init=False)
    _first: float | None = None
    _waiting: deque[tuple[float, str, str]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._number = self.first
        self._corruptor = Corruptor(self.seed, self.options.corruption)

    def __call__(self, batches: Iterator[Frames]) -> Iterator[ImageEvents]:
        """Return the events of all images, and at the end the labels that are still due."""
        for frames in batches:
            if len(frames):
                yield self._events(frames)
        if self._waiting:
            yield self._ordered(np.empty(0), self._nothing(), list(self._waiting))

    def _events(self, frames: Frames) -> ImageEvents:
        numbers = np.arange(self._number, self._number + len(frames))
        self._first = float(frames.ts[0]) if self._first is None else self._first
        levels, drift = self._levels(numbers, frames.ts - self._first)
        pixels = self._corruptor.apply(frames.pixels, self._number, levels)
        ids = [f"{self.camera}:{number}" for number in numbers.tolist()]
        values = np.hstack([measure(pixels), self._embedded(pixels)])
        told = self._told(frames.labels, numbers)
        shots = Shots(
            ids=ids,
            channels=(*FEATURES, *(f"pc{i + 1}" for i in range(len(self.embedding.axes)))),
            features=len(FEATURES),
            values=values,
            truths={"level": levels.tolist(), "drift": drift},
        )
        if self.model is not None:
            shots = self._judged(shots, self.model, pixels, told)
        self._number += len(frames)
        return self._ordered(frames.ts, shots, self._due(frames.ts, ids, told))

    def _levels(self, numbers: IntArray, seconds: FloatArray) -> tuple[IntArray, list[str | None]]:
        if self.remote.level is not None:
            return np.full(len(numbers), self.remote.level), ["replay.control"] * len(numbers)
        levels, which = levels_at(self.changes, self.options.level, numbers, seconds)
        texts = [*(change.text for change in self.changes), None]
        return levels, [texts[index] for index in which.tolist()]

    def _embedded(self, pixels: npt.NDArray[np.uint8]) -> FloatArray:
        return self.embedding.transform(pixels.reshape(len(pixels), -1) / 255.0)

    def _judged(
        self, shots: Shots, model: Model, pixels: npt.NDArray[np.uint8], told: Sequence[str | None]
    ) -> Shots:
        exact = model.probabilities(pixels)
        best = exact.argmax(axis=1)
        rounded = np.round(exact, DIGITS)
        # What rounding leaves over goes where it matters least.
        every = np.arange(len(best))
        rounded[every, best] = np.round(rounded[every, best] + 1.0 - rounded.sum(axis=1), DIGITS)
        at_once = not self.options.label_delay
        return Shots(
            ids=shots.ids,
            channels=shots.channels,
            features=shots.features,
            values=shots.values,
            truths=shots.truths,
            labels=model.labels,
            probabilities=rounded,
            predicted=[model.labels[code] for code in best.tolist()],
            told=told if at_once else [None] * len(told),
            version=model.version,
        )

    def _told(self, labels: LabelColumn, numbers: IntArray) -> list[str | None]:
        """Return the labels that come at all."""
        if not self.options.with_labels or self.model is None:
            return [None] * len(numbers)
        if not self.options.missing_labels:
            return list(labels)
        # Drawn by blocks that are aligned to the numbers, so that each image has its own draw.
        lost = np.empty(len(numbers), dtype=np.bool_)
        for block in np.unique(numbers // _BLOCK).tolist():
            draws = np.random.default_rng([self.seed, _LABELS_SEED, block]).random(_BLOCK)
            inside = numbers // _BLOCK == block
            lost[inside] = draws[numbers[inside] % _BLOCK] < self.options.missing_labels
        return [None if gone else label for label, gone in zip(labels, lost.tolist(), strict=True)]

    def _due(
        self, ts: FloatArray, ids: Sequence[str], told: Sequence[str | None]
    ) -> list[tuple[float, str, str]]:
        """Hold labels back, and return those that are due before the last of these images."""
        delay = self.options.label_delay
        if delay:
            self._waiting.extend(
                (at + delay, id_, label)
                for at, id_, label in zip(ts.tolist(), ids, told, strict=True)
                if label is not None
            )
        due = []
        while self._waiting and self._waiting[0][0] < ts[-1]:
            due.append(self._waiting.popleft())
        return due

    def _ordered(self, ts: FloatArray, shots: Shots, late: Sequence[tuple[float, str, str]]) -> ImageEvents:
        """Put events in the order of their times; at one time features, prediction and late labels."""
        kinds = [What.FEATURES] if self.model is None else [What.FEATURES, What.PREDICTION]
        n = len(ts)
        times = np.concatenate([*(ts for _ in kinds), [due for due, _, _ in late]])
        what = np.concatenate([*(np.full(n, kind) for kind in kinds), np.full(len(late), What.LABEL)])
        row = np.concatenate([*(np.arange(n) for _ in kinds), np.arange(len(late))])
        order = np.lexsort((row, what, times))
        return ImageEvents(
            self.camera,
            None if self.model is None else self.options.model_name,
            times[order],
            what[order],
            row[order],
            shots,
            [(id_, label) for _, id_, label in late],
        )

    @staticmethod
    def _nothing() -> Shots:
        return Shots([], (), 0, np.empty((0, 0)), {})
