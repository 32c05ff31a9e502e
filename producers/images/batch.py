"""Images on their way, and the events that are made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from producers.batch import Rows, record_type
from producers.images.collection import Pixels
from stream_app.tables.cells import Label, LabelColumn

__all__ = ["Frames", "ImageEvents", "Shots", "What"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frames:
    """Images as a camera takes them.

    Parameters
    ----------
    ts : ndarray (n,)
        Event time, epoch seconds, growing.
    pixels : ndarray of uint8 (n, h, w)
    labels : ndarray of object (n,)
        Texts; None where nobody knows.
    """

    ts: FloatArray
    pixels: Pixels
    labels: LabelColumn

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Rows) -> Self:
        """Return some of the images, in order."""
        return type(self)(self.ts[rows], self.pixels[rows], self.labels[rows])

    def shifted(self, seconds: float) -> Self:
        """Return the same images, `seconds` later."""
        return replace(self, ts=self.ts + seconds)


@dataclass(frozen=True, slots=True)
class Shots:
    """What is said of the images of a batch, a row each.

    Parameters
    ----------
    ids : list of str
    channels : tuple of str
        Names of the columns of `values`; the first `features` of them describe the image, the rest embed it.
    features : int
    values : ndarray (m, d)
    truths : mapping of str to sequence
        Labels of the features' events: level and drift.
    labels : tuple of str
        That the model knows; none where it was not asked.
    probabilities : ndarray (m, k)
    predicted : list of str
    told : list of str or None
        Labels that go with the predictions.
    version : str
        Of the model.
    """

    ids: Sequence[str]
    channels: tuple[str, ...]
    features: int
    values: FloatArray
    truths: Mapping[str, Sequence[Label]]
    labels: tuple[str, ...] = ()
    probabilities: FloatArray | None = None
    predicted: Sequence[str] = ()
    told: Sequence[str | None] = ()
    version: str = ""


class What:
    """What an event is."""

    FEATURES, PREDICTION, LABEL = range(3)


@dataclass(frozen=True, slots=True)
class ImageEvents:
    """Events of images in the order of their times: features, predictions, labels that come later.

    Parameters
    ----------
    camera : str
        Source of the features.
    model : str or None
        Source of predictions and labels; None where there are none.
    ts : ndarray (n,)
    what : ndarray of int (n,)
        See `What`.
    row : ndarray of int (n,)
        Of `shots`; of `late` for a label.
    shots : Shots
    late : sequence of (str, str)
        Ids and labels that were held back.

    Examples
    --------
    >>> nothing = Shots([], (), 0, np.empty((0, 0)), {})
    >>> late = ImageEvents("camera-1", "digits", np.array([30.0]), np.array([2]), np.array([0]), nothing, [("a:0", "7")])
    >>> late.encode()
    [b'{"source":"digits","ts":30.0,"id":"a:0","label":"7"}']
    """

    camera: str
    model: str | None
    ts: FloatArray
    what: IntArray
    row: IntArray
    shots: Shots
    late: Sequence[tuple[str, str]] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Camera and model."""
        return (self.camera,) if self.model is None else (self.camera, self.model)

    @property
    def routes(self) -> tuple[int, ...]:
        """Features go to the first topic, what is said of and by the model to the second."""
        return (0, 1)[: len(self.names)]

    @property
    def source(self) -> IntArray:
        """Index into `names` of each event."""
        return np.minimum(self.what, 1)

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: Rows) -> Self:
        """Return some of the events, in order."""
        return replace(self, ts=self.ts[rows], what=self.what[rows], row=self.row[rows])

    def shifted(self, seconds: float) -> Self:
        """Return the same events, `seconds` later."""
        return replace(self, ts=self.ts + seconds)

    def encode(self) -> list[bytes]:
        """Return each event as compact JSON: `SensorReading` and `PredictionEvent` of `stream_app.events`."""
        encode = msgspec.json.Encoder().encode
        makers = (self._features(), self._prediction(), self._label())
        rows = zip(self.what.tolist(), self.row.tolist(), self.ts.tolist(), strict=True)
        return [encode(makers[what](row, ts)) for what, row, ts in rows]

    def _features(self) -> Any:
        shots = self.shots
        values = record_type("Values", shots.channels, float)
        truths = record_type("Labels", tuple(shots.truths), Label, optional=True)
        columns = tuple(shots.truths.values())

        def make(row: int, ts: float) -> msgspec.Struct:
            told = truths(*(column[row] for column in columns))
            return _Features(self.camera, ts, values(*shots.values[row].tolist()), shots.ids[row], told)

        return make

    def _prediction(self) -> Any:
        shots = self.shots
        features = record_type("Features", shots.channels[: shots.features], float)
        probabilities = record_type("Probabilities", shots.labels, float)
        model = self.model or ""
        categories = {"camera": self.camera}

        def make(row: int, ts: float) -> msgspec.Struct:
            assert shots.probabilities is not None  # noqa: S101 there is no prediction without
            return _Prediction(
                model,
                ts,
                shots.ids[row],
                shots.version,
                shots.predicted[row],
                probabilities(*shots.probabilities[row].tolist()),
                features(*shots.values[row, : shots.features].tolist()),
                categories,
                shots.told[row],
            )

        return make

    def _label(self) -> Any:
        model = self.model or ""

        def make(row: int, ts: float) -> msgspec.Struct:
            return _Label(model, ts, *self.late[row])

        return make


class _Features(msgspec.Struct, gc=False, omit_defaults=True):
    source: str
    ts: float
    values: msgspec.Struct
    id: str
    labels: msgspec.Struct | None = None


class _Prediction(msgspec.Struct, gc=False, omit_defaults=True):
    source: str
    ts: float
    id: str
    version: str
    prediction: str
    probabilities: msgspec.Struct
    features: msgspec.Struct
    categories: dict[str, str]
    label: str | None = None


class _Label(msgspec.Struct, gc=False):
    source: str
    ts: float
    id: str
    label: str
