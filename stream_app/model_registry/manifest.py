"""What is written beside the file of a model: how to read it, and what it expects and answers."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stream_app.model_registry.training_data import DataFingerprint

__all__ = ["FormatName", "Manifest", "Scalar"]

FormatName: TypeAlias = Literal["scikit-learn", "lightgbm", "catboost"]
"""How the file of a model is written: skops', LightGBM's text, CatBoost's own."""

Scalar: TypeAlias = str | int | float | bool | None
"""A parameter of a model, or a cell of a table that is kept beside it."""

_Names = Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Field(max_length=100_000)]


class Manifest(BaseModel):
    """What the files of a version say about it.

    Parameters
    ----------
    format : str
        How the file is written.
    file : str
        Its name.
    digest : str
        SHA-256 of the file: one that was exchanged is not loaded.
    library : str
        Library and version that wrote it.
    classes : tuple of str
        Labels in the order of the probabilities; empty where answers are values.
    whole_classes : bool
        Whether the model's own labels are whole numbers: so are its answers, then.
    features : tuple of str
        What it takes, in this order.
    data : DataFingerprint
        What it was trained on.
    attached : tuple of str
        Names of what was kept beside it; see `ModelRegistry.attachment`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: FormatName
    file: Literal["model.skops", "model.txt", "model.cbm"]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    library: Annotated[str, Field(max_length=200)]
    classes: _Names
    whole_classes: bool = False
    features: _Names
    data: DataFingerprint
    attached: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,50}$")], ...], Field(max_length=20)
    ] = ()
