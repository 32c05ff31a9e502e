"""Images as a source of a replay."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from producers.images.batch import Frames
from producers.images.classifier import Model, embedding_of, model_for
from producers.images.collection import Collection
from producers.images.find import find_images
from producers.images.options import ImageOptions
from stream_app.core.embedding import PrincipalComponents
from stream_app.errors import SourceError
from stream_app.tables.left_out import LeftOut
from stream_app.tables.table import FIRST

__all__ = ["CAMERA", "PERIOD", "ImageSource"]

CAMERA = "camera-1"
"""Name of the camera where the user gives none."""

PERIOD = 0.04
"""Seconds of event time between images: 25 a second, a camera's usual rate."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Images with what judges them; make it with `ImageSource.find`.

    Parameters
    ----------
    images : Collection
        In the order of the replay.
    embedding : PrincipalComponents
    model : Model or None
    left : LeftOut
        Pictures that could not be read.
    period : float
        Seconds between images.
    block : int
        Images of a batch.
    """

    images: Collection
    embedding: PrincipalComponents
    model: Model | None
    left: LeftOut
    period: float = PERIOD
    block: int = 512

    @classmethod
    def find(
        cls,
        path: str | None,
        options: ImageOptions,
        *,
        period: float = PERIOD,
        seed: int = 0,
        note: Callable[[str], None] = lambda _: None,
    ) -> "ImageSource":
        """Read images, load the model or train it, and bring the images into the order of the replay.

        Parameters
        ----------
        path : str or None
            A folder or file; None is the sample.
        options : ImageOptions
        period : float
            Seconds between images.
        seed : int
            Of the order.
        note : callable
            Told what takes long.

        Raises
        ------
        SourceError
            When images, labels or the model cannot be read, or do not belong together.
        SettingsError
            When packages are missing.
        """
        found = find_images(path, options)
        shown, model = found.shown, None
        # Without predictions, a model that is there still says along which components images are embedded.
        if options.predictions or (options.model is not None and options.model.exists()):
            model = model_for(found.training, options.model, note)
            if model.data != found.training.digest:
                # It has not seen any of these images, so that all of them may be shown.
                shown = found.everything
            if options.predictions and options.with_labels:
                _check_labels(found.place, shown, model)
        embedding = model.embedding if model is not None else embedding_of(found.training.pixels)
        order = np.arange(len(shown))
        if not options.in_order:
            np.random.default_rng(seed).shuffle(order)
        judge = model if options.predictions else None
        return cls(shown.take(order), embedding, judge, found.left, period, options.block)

    @property
    def total(self) -> int:
        """How many images there are."""
        return len(self.images)

    @property
    def identity(self) -> str:
        """Digests of the images, of what the model learned from, and of the embedding."""
        learned = "" if self.model is None else self.model.data
        axes = hashlib.sha256(self.embedding.axes.tobytes()).hexdigest()
        return f"images {self.images.digest} {learned} {axes} {self.period}"

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many pictures could not be read, by reason and first file."""
        return {f"{reason} (first: {self.left.first[reason]})": n for reason, n in self.left.counts.items()}

    def batches(self) -> Iterator[Frames]:
        """Take them from the first."""
        for begin in range(0, len(self.images), self.block):
            part = self.images.take(slice(begin, begin + self.block))
            ts = FIRST + np.arange(begin, begin + len(part), dtype=np.float64) * self.period
            yield Frames(ts, part.pixels, part.labels)


def _check_labels(place: str, shown: Collection, model: Model) -> None:
    unknown = [label for label in shown.known if label not in model.labels]
    if unknown:
        raise SourceError(
            f"{place}: the model does not know the label {unknown[0]!r}; it knows {', '.join(model.labels)}; "
            "give another --model, or --no-labels"
        )
