"""What a replay of images sends, by the level to which its images were degraded: counted from the topics, a bounded part of them."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from producers.images import MAX_LEVEL
from stream_app.kafka import TopicReader

__all__ = ["CameraTail", "LevelRead"]

_READ_BACK = 10_000
"""Records of each partition that are read at first."""
_IDS = 20_000
"""Images whose level is remembered, until their label comes."""
_KEPT = 1_000
"""Newest images of a level whose measurements are compared, and whose predictions are counted."""
_LEAST = 30
"""Images of a level, and of level 0, that a comparison needs."""


class _Truth(msgspec.Struct):
    level: int | None = None


class _Image(msgspec.Struct):
    source: str
    id: str
    values: dict[str, float | None]
    labels: _Truth = msgspec.field(default_factory=_Truth)


class _Answer(msgspec.Struct):
    id: str
    prediction: str | None = None
    label: str | None = None


class LevelRead:
    """What is known of images of one level.

    Attributes
    ----------
    images : int
        How many were read.
    right : deque of bool
        Of the newest labelled ones, whether the model was right.
    values : dict of str to deque of float
        Measurements of the newest.
    """

    def __init__(self) -> None:
        self.images = 0
        self.right: deque[bool] = deque(maxlen=_KEPT)
        self.values: dict[str, deque[float]] = {}

    def take(self, values: Mapping[str, float | None]) -> None:
        """Count an image."""
        self.images += 1
        for name, value in values.items():
            if value is not None and math.isfinite(value) and not name.startswith("pc"):
                self.values.setdefault(name, deque(maxlen=_KEPT)).append(value)

    def distance(self, clean: "LevelRead") -> tuple[float, str] | None:
        """Return the largest Kolmogorov-Smirnov distance to clean images, and the measurement that has it; None for too few."""
        from stream_app.core.twosample.ks import ks_statistic  # noqa: PLC0415 scipy: other pages do not wait for it
        from stream_app.core.twosample.reference import SortedSample  # noqa: PLC0415

        found = [
            (ks_statistic(SortedSample(clean.values[name]), np.array(values)), name)
            for name, values in self.values.items()
            if min(len(values), len(clean.values.get(name, ()))) >= _LEAST
        ]
        return max(found, default=None)


class CameraTail:
    """Reads images and predictions as they come.

    Parameters
    ----------
    images, predictions : str
        Topics.

    Attributes
    ----------
    levels : list of LevelRead
        By level, 0 to 9.
    camera : str
        Source of the newest image; empty while there was none.
    level, number : int
        Its level, and its number in the replay.
    """

    def __init__(self, images: str, predictions: str) -> None:
        self.levels = [LevelRead() for _ in range(MAX_LEVEL + 1)]
        self.camera = ""
        self.level = self.number = 0
        self._topics = images, predictions
        self._next: dict[tuple[str, int], int] = {}
        self._level_of: dict[str, int] = {}
        self._waiting: dict[str, str] = {}

    async def read(self, reader: TopicReader) -> None:
        """Read what came since the last time.

        Raises
        ------
        BrokerError
            If the broker does not answer or refuses.
        """
        there = await reader.topics()
        images, predictions = self._topics
        # Images first: an answer is counted at the level of its image.
        for topic, kind in ((images, _Image), (predictions, _Answer)):
            if topic not in there:
                continue  # nothing was sent yet
            spans = await reader.spans(topic)
            todo = {
                p: (max(begin, self._next.get((topic, p), end - _READ_BACK)), end)
                for p, (begin, end) in spans.items()
            }
            async for record in reader.between(topic, todo):
                self._take(record.value, kind)
                # Else what was read before a failure would be counted twice.
                self._next[topic, record.partition] = record.offset + 1
            self._next |= {(topic, p): end for p, (_, end) in todo.items()}

    def _take(self, raw: bytes | None, kind: Any) -> None:
        try:
            event = msgspec.json.decode(raw or b"", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        if isinstance(event, _Image):
            self._take_image(event)
        elif event.id in self._level_of:
            self._take_answer(event)

    def _take_image(self, image: _Image) -> None:
        level, (camera, _, number) = image.labels.level, image.id.rpartition(":")
        if level is None or not 0 <= level <= MAX_LEVEL or camera != image.source or not number.isdecimal():
            return
        self.camera, self.level, self.number = camera, level, int(number[:18])
        self.levels[level].take(image.values)
        self._level_of[image.id] = level
        if len(self._level_of) > _IDS:
            gone = next(iter(self._level_of))
            del self._level_of[gone]
            self._waiting.pop(gone, None)

    def _take_answer(self, answer: _Answer) -> None:
        prediction = answer.prediction or self._waiting.pop(answer.id, None)
        if prediction is None:
            return
        if answer.label is None:
            self._waiting[answer.id] = prediction
        else:
            self.levels[self._level_of[answer.id]].right.append(prediction == answer.label)
