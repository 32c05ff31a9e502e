"""A version of a registered model, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stream_app.model_registry.manifest import Manifest

__all__ = ["CHALLENGER", "CHAMPION", "RegisteredVersion", "VersionState"]

CHAMPION = "champion"
"""Alias of the version that is meant to serve."""

CHALLENGER = "challenger"
"""Alias of the version that is compared with the champion."""


class VersionState(StrEnum):
    """Whether a version can be used."""

    COMPLETE = "complete"
    HALF_WRITTEN = "half-written"
    FOREIGN = "of another program"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a registered model.

    Parameters
    ----------
    name : str
        Of the registered model; that of the model in the predictions.
    number : int
        Counted by the registry from 1.
    state : VersionState
        `HALF_WRITTEN` where whoever registered it did not get to the end: it is never loaded or promoted. `FOREIGN` where
        another program logged it: it can be promoted, but not loaded.
    aliases : tuple of str
        Such as ``champion``.
    model_version : str
        What its predictions say in `model_version`; the number where nothing else was said.
    run : str
        Id of the run that made it.
    created_at : float
        In epoch seconds.
    params : mapping of str to str
    metrics : mapping of str to float
    manifest : Manifest or None
        What its files say about it; None where they were not asked, or in another state than `COMPLETE`.
    """

    name: str
    number: int
    state: VersionState
    aliases: tuple[str, ...]
    model_version: str
    run: str
    created_at: float
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    manifest: Manifest | None = None

    @property
    def label(self) -> str:
        """Name and number, for messages."""
        return f"{self.name} {self.number}"
