"""The model behind the replayed predictions: scikit-learn's random forest on the pixels, and an embedding beside it."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.images.collection import Collection, Pixels
from producers.images.extra import needed
from stream_app.core.embedding import PrincipalComponents
from stream_app.errors import SourceError
from stream_app.events.prediction import MAX_LABELS
from stream_app.model_registry.skops_file import read_skops, write_skops

__all__ = ["COMPONENTS", "Model", "embedding_of", "model_for", "train"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

COMPONENTS = 8
TREES = 100
"""scikit-learn's usual number: predictions take 50 µs an image, and 1,000 trees would gain half a point."""

REFERENCE_IMAGES = 10_000
"""Images that the embedding is fitted on: the first components hardly change after a few thousand."""

DIGITS = 4
"""Decimals of probabilities; a forest of a hundred trees knows little more than two."""

_FORMAT = "streamgauge.images"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier of images with the embedding that belongs to it.

    Parameters
    ----------
    forest : sklearn.ensemble.RandomForestClassifier
        Its classes are indices into `labels`.
    labels : tuple of str
    embedding : PrincipalComponents
    data : str
        Digest of the images it learned from.
    """

    forest: Any
    labels: tuple[str, ...]
    embedding: PrincipalComponents
    data: str

    @property
    def version(self) -> str:
        """Short name of what it learned from."""
        return self.data[:8]

    def probabilities(self, images: Pixels) -> FloatArray:
        """Say how probable each label is, as shares of the trees' votes.

        Parameters
        ----------
        images : ndarray of uint8 (n, h, w)

        Returns
        -------
        ndarray (n, k)
            In the order of `labels`; each row sums to one.
        """
        rows = images.reshape(len(images), -1).astype(np.float32)
        total = np.zeros((len(rows), len(self.labels)))
        # predict_proba does the same, and spends ten milliseconds a call on handing trees to threads.
        for tree in self.forest.estimators_:
            total += tree.tree_.predict(rows).reshape(len(rows), -1)
        return total / len(self.forest.estimators_)

    def save(self, path: Path) -> None:
        """Write the model, so that a crash leaves the old file or the new one.

        Raises
        ------
        SourceError
            When it cannot be written.
        """
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "data": self.data,
            "labels": list(self.labels),
            "forest": self.forest,
            "embedding": self.embedding.state(),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
                fresh = Path(file.name)
            try:
                needed("skops.io")
                write_skops(content, fresh)
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as error:
            raise SourceError(f"{path}: the model cannot be written: {error.strerror}; see --model") from None

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read a model; nothing in the file is run.

        Raises
        ------
        SourceError
            When the file is damaged, of something else, or holds what does not belong into a model.
        """
        needed("skops.io")
        remedy = "name another file with --model, or remove this one to have it made anew"
        try:
            model = cls._unpacked(read_skops(path))
            model.check()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}; {remedy}") from None
        except Exception as error:  # noqa: BLE001 a damaged or foreign file fails in any way
            reason = (str(error).splitlines() or [""])[0]
            raise SourceError(f"{path}: not a model of ours, or damaged ({reason}); {remedy}") from None
        return model

    @classmethod
    def _unpacked(cls, content: Any) -> "Model":
        if (content["format"], content["version"]) != (_FORMAT, _VERSION):
            raise ValueError("of another program or version")
        embedding = PrincipalComponents.from_state(content["embedding"])
        return cls(content["forest"], tuple(content["labels"]), embedding, content["data"])

    def check(self) -> None:
        """Refuse what would make predictions crash.

        Raises
        ------
        ValueError
            Naming what does not fit.
        """
        kind = needed("sklearn.ensemble").RandomForestClassifier
        if type(self.forest) is not kind:
            raise ValueError(f"a {type(self.forest).__name__} where a random forest belongs")
        if not self.labels or not all(isinstance(label, str) for label in self.labels):
            raise ValueError("its labels are no texts")
        pixels = len(self.embedding.mean)
        if self.embedding.axes.shape != (COMPONENTS, pixels):
            raise ValueError("its embedding has another shape")
        if not isinstance(self.data, str) or not self.forest.estimators_:
            raise ValueError("parts are missing")
        if (self.forest.n_features_in_, self.forest.n_classes_) != (pixels, len(self.labels)):
            raise ValueError("its forest is of other images or labels")


def embedding_of(images: Pixels) -> PrincipalComponents:
    """Fit the embedding on clean images.

    Raises
    ------
    SourceError
        When they are too few.
    """
    if len(images) <= COMPONENTS:
        raise SourceError(
            f"{len(images)} images to learn from, one half of all or the training part; more than {COMPONENTS} are "
            "needed, or a --model that has learned"
        )
    rows = images[:REFERENCE_IMAGES].reshape(min(len(images), REFERENCE_IMAGES), -1)
    return PrincipalComponents.fit(rows.astype(np.float64) / 255.0, COMPONENTS)


def train(training: Collection, *, seed: int = 0) -> Model:
    """Fit a model to clean images.

    The forest has scikit-learn's usual settings, so that its accuracies can be compared with those of others.

    Parameters
    ----------
    training : Collection
        Those without a label are left out.
    seed : int

    Returns
    -------
    Model

    Raises
    ------
    SourceError
        When there are fewer than two labels, or too many.

    Notes
    -----
    Cost: half a minute for MNIST's 60,000 images, half a second for the sample.
    """
    taught = training.labelled
    if len(taught.known) < 2:
        raise SourceError(
            "no model can learn from these images: labels of at least two kinds are needed; "
            "give --labels or --model, or --skip-predictions"
        )
    if len(taught.known) > MAX_LABELS:
        raise SourceError(
            f"{len(taught.known):,} different labels; an event names the probabilities of at most {MAX_LABELS:,}"
        )
    codes = {label: code for code, label in enumerate(taught.known)}
    forest = needed("sklearn.ensemble").RandomForestClassifier(
        n_estimators=TREES, random_state=seed, n_jobs=1
    )
    rows = taught.pixels.reshape(len(taught), -1).astype(np.float32)
    forest.fit(rows, np.array([codes[label] for label in taught.labels.tolist()], dtype=np.int64))
    return Model(forest, taught.known, embedding_of(training.pixels), training.digest)


def model_for(training: Collection, path: Path | None, note: Callable[[str], None]) -> Model:
    """Load the model for these images, or train it and keep it.

    Parameters
    ----------
    training : Collection
    path : Path or None
        File of the model. None is a file in the user's cache, named after the images and scikit-learn's version.
    note : callable
        Told when it trains.

    Raises
    ------
    SourceError
        When the named file is no model of ours, or none can be trained.
    """
    file = path or _cached(training)
    if file.exists():
        try:
            return Model.load(file)
        except SourceError as error:
            if path is not None:
                raise
            note(f"{error}; making it anew")
    note(f"training a random forest on {len(training):,} images; kept in {file}")
    model = train(training)
    try:
        model.save(file)
    except SourceError as error:
        if path is not None:
            raise
        note(f"{error}; it will have to be trained again")
    return model


def _cached(training: Collection) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = f"{_VERSION} {needed('sklearn').__version__} {TREES} {COMPONENTS} {training.digest}"
    return Path(home) / "streamgauge" / "images" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.skops"
