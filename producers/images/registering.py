"""The digit classifier as a registered model."""

import copy

import numpy as np

from producers.images.classifier import COMPONENTS, TREES, Model
from producers.images.collection import SIDE, Collection
from stream_app.errors import SourceError
from stream_app.model_registry import (
    ModelRegistry,
    RegisteredVersion,
    fingerprint,
    reference_statistics,
)

__all__ = ["register_classifier"]

PIXELS = tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE))
"""Its features: the grey values of an image, from 0 to 255, row by row."""


def register_classifier(
    registry: ModelRegistry,
    name: str,
    model: Model,
    *,
    training: Collection,
    later: Collection,
    source: str,
    alias: str | None = None,
) -> RegisteredVersion:
    """Log a classifier of images with its figures on images that it has not seen.

    Its slices are the labels: of each how many images were shown, and how many were taken for another.

    Parameters
    ----------
    registry : ModelRegistry
    name : str
        Of the registered model.
    model : Model
    training : Collection
        What it was trained on.
    later : Collection
        What it is judged on; those without a label are left out.
    source : str
        Where the images came from.
    alias : str, optional

    Raises
    ------
    SourceError
        If it learned from other images, or no image has a label to judge it by.
    """
    if model.data != training.digest:
        raise SourceError(f"{source}: the model learned from other images, so it cannot be said what from")
    judged = later.labelled
    if not len(judged):
        raise SourceError(f"{source}: no image has a label, so there is no figure to register {name} with")
    said = np.array(model.labels, dtype=object)[model.probabilities(judged.pixels).argmax(axis=1)]
    wrong = said != judged.labels
    rows = training.labelled.pixels.reshape(-1, SIDE * SIDE).astype(np.float64)
    forest = copy.copy(model.forest)
    forest.classes_ = np.array(model.labels)  # its own are indices into these
    return registry.log(
        name,
        forest,
        params={
            "model": type(forest).__name__,
            "trees": TREES,
            "random_state": forest.random_state,
            "components": COMPONENTS,
        },
        metrics={"accuracy": float(1.0 - wrong.mean()), "judged": float(len(judged))},
        data=fingerprint(rows, PIXELS, labels=training.labelled.labels.tolist(), source=source),
        slices=[
            {
                "where": f"label = {label}",
                "rows": int((judged.labels == label).sum()),
                "errors": int(wrong[judged.labels == label].sum()),
                "error_rate": float(wrong[judged.labels == label].mean()),
            }
            for label in judged.known
        ],
        reference=reference_statistics(rows, PIXELS),
        attached={"embedding": {key: _plain(value) for key, value in model.embedding.state().items()}},
        alias=alias,
        model_version=model.version,
    )


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
