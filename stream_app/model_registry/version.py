"""A version of a registered model, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from stream_app.model_registry.manifest import Manifest

__all__ = ["CHALLENGER", "CHAMPION", "RegisteredVersion", "VersionState", "find_version", "with_alias"]

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
    manifest_digest : str
        SHA-256 of the manifest, as the registry has it; empty in another state than `COMPLETE`.
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
    manifest_digest: str = ""
    manifest: Manifest | None = None

    @property
    def label(self) -> str:
        """Name and number, for messages."""
        return f"{self.name} {self.number}"


def with_alias(versions: Sequence[RegisteredVersion], alias: str) -> RegisteredVersion | None:
    """Return the version of a model that has an alias; None where none has.

    Examples
    --------
    >>> first = RegisteredVersion("digits", 1, VersionState.COMPLETE, ("champion",), "autumn", "run", 5.0)
    >>> with_alias([first], "champion") is first, with_alias([first], "autumn")
    (True, None)
    """
    return next((one for one in versions if alias in one.aliases), None)


def find_version(versions: Sequence[RegisteredVersion], which: str | int) -> RegisteredVersion | None:
    """Return the version that is meant: by its alias, by what its predictions say, or by its number.

    Parameters
    ----------
    versions : sequence of RegisteredVersion
        Of one model, the newest first: it is the one that is meant where several say the same.
    which : str or int

    Examples
    --------
    >>> first = RegisteredVersion("digits", 1, VersionState.COMPLETE, ("champion",), "autumn", "run", 5.0)
    >>> [find_version([first], which) is first for which in ("champion", "autumn", 1, "1", "2")]
    [True, True, True, True, False]
    """
    text = str(which)
    found = with_alias(versions, text)
    if found is not None:
        return found
    for one in versions:
        if text == one.model_version:
            return one
    return next((one for one in versions if text == str(one.number)), None)
