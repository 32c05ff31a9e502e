"""The registry of models: register a version, find it again, load it, and say which one is meant to serve."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from stream_app.errors import ModelRegistryError, UnusableModelError
from stream_app.model_registry.contents import read_attachment, read_contents, read_manifest, written
from stream_app.model_registry.entries import (
    list_names,
    list_versions,
    read_history,
    with_figures,
    write_history,
    write_version,
)
from stream_app.model_registry.loaded import LoadedModel
from stream_app.model_registry.manifest import Scalar
from stream_app.model_registry.reference import FeatureStatistics, ReferenceStatistics
from stream_app.model_registry.tracking import Tracking
from stream_app.model_registry.training_data import DataFingerprint
from stream_app.model_registry.version import (
    CHALLENGER,
    CHAMPION,
    RegisteredVersion,
    VersionState,
    find_version,
    with_alias,
)
from stream_app.settings import Settings
from stream_app.settings.model_registry import ModelRegistrySettings

__all__ = ["ModelRegistry"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,199}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,50}")


class ModelRegistry:
    """Versions of models in MLflow, in a SQLite file or on a tracking server; open it with `ModelRegistry.open`.

    A version counts once all of it is written: its files, then the version, then the tag that says so. What a kill
    leaves before is half-written; it is listed as such, and never loaded or promoted. Which version serves is told by
    the alias ``champion``, which version is compared with it by ``challenger``.

    Every method may raise `ModelRegistryUnavailableError` where the registry is away or locked, `ModelRegistryError`
    where it refuses, and `MissingExtraError` without MLflow.

    Examples
    --------
    >>> registry = ModelRegistry.open(Settings(registry="sqlite:///no-such-folder/registry.db"))
    >>> registry.names()
    []
    """

    def __init__(self, settings: ModelRegistrySettings) -> None:
        self._settings = settings
        self._tracking = Tracking(settings)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Return the registry that settings name; it is connected when it is first asked."""
        return cls(settings.registry)

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self._tracking.place

    @property
    def is_there(self) -> bool:
        """Whether there may be models: False for a SQLite file that nobody has made yet."""
        return self._tracking.is_there

    def names(self) -> list[str]:
        """Return the names of all registered models, in alphabetical order."""
        if not self.is_there:
            return []
        with self._tracking.asking("reading the names of models") as client:
            return list_names(client)

    def versions(self, name: str, *, figures: int | None = None) -> list[RegisteredVersion]:
        """Return the versions of a model, newest first.

        Parameters
        ----------
        name : str
        figures : int, optional
            How many of the newest come with parameters and metrics, each of which costs a question; all by default.

        Raises
        ------
        ModelRegistryError
            If there is no such model.
        """
        with self._tracking.asking(f"reading the versions of {name}") as client:
            listed = list_versions(client, name)
            several = len(listed) if figures is None else figures
            return [with_figures(client, one) for one in listed[:several]] + listed[several:]

    def champion(self, name: str) -> RegisteredVersion | None:
        """Return the version that is meant to serve, without figures; None where no version is.

        Raises
        ------
        ModelRegistryError
            If there is no such model.
        """
        return with_alias(self.versions(name, figures=0), CHAMPION)

    def resolve(self, name: str, which: str | int) -> RegisteredVersion:
        """Return one version, with what its files say.

        Parameters
        ----------
        name : str
            Of the model.
        which : str or int
            An alias such as ``champion``, a number, or what predictions say in `model_version`.

        Raises
        ------
        ModelRegistryError
            If there is none.
        """
        with self._tracking.asking(f"looking for {name} {which}") as client:
            version = with_figures(client, _found(list_versions(client, name), name, which))
            if version.state is not VersionState.COMPLETE:
                return version
            return replace(version, manifest=read_manifest(client, version.run, version.manifest_digest))

    def load(self, name: str, which: str | int) -> LoadedModel:
        """Load one version; see `resolve`.

        Raises
        ------
        UnusableModelError
            If it is half-written, of another program, damaged, or its types are not let in.
        MissingExtraError
            If its library is not installed.
        """
        version = self.resolve(name, which)
        _see_complete(version)
        if version.manifest is None:  # a complete version has one
            raise UnusableModelError(f"{version.label} says nothing about its files")
        with self._tracking.asking(f"loading {version.label}") as client:
            contents = read_contents(client, version.run, version.manifest, self._settings.trusted_types)
        return LoadedModel(version, contents, version.manifest.classes, version.manifest.features)

    def attachment(self, version: RegisteredVersion, name: str) -> Any:
        """Return plain data that was kept beside a model: ``slices``, ``reference``, or under a name of its own.

        Raises
        ------
        UnusableModelError
            If nothing was kept under the name, or it was damaged.
        """
        if version.manifest is None or name not in version.manifest.attached:
            raise UnusableModelError(f"{version.label}: nothing is kept beside it under the name {name!r}")
        with self._tracking.asking(f"reading {name} of {version.label}") as client:
            return read_attachment(client, version.run, name)

    def reference(self, version: RegisteredVersion) -> ReferenceStatistics:
        """Return what the features of a version looked like when it was trained.

        Raises
        ------
        UnusableModelError
            If it was registered without, or they are damaged.
        """
        found = self.attachment(version, "reference")
        try:
            return {name: FeatureStatistics.model_validate(one) for name, one in found.items()}
        except (AttributeError, ValueError) as error:
            raise UnusableModelError(f"{version.label}: no reference statistics: {error}") from None

    def log(
        self,
        name: str,
        model: Any,
        *,
        params: Mapping[str, Scalar],
        metrics: Mapping[str, float],
        data: DataFingerprint,
        slices: Sequence[Mapping[str, Scalar]] | None = None,
        reference: ReferenceStatistics | None = None,
        attached: Mapping[str, Any] | None = None,
        alias: str | None = None,
        model_version: str = "",
    ) -> RegisteredVersion:
        """Register a fitted model as a new version.

        Parameters
        ----------
        name : str
            Of the model; as predictions name it.
        model : object
            Of scikit-learn, LightGBM or CatBoost; it takes the columns of `data` as features, in their order.
        params : mapping of str to plain values
            How it was trained.
        metrics : mapping of str to float
            How well it does; finite.
        data : DataFingerprint
            What it was trained on.
        slices : sequence of mappings, optional
            Rows of a table of weak slices.
        reference : mapping of str to FeatureStatistics, optional
            What its features looked like; see `reference_statistics`.
        attached : mapping of str to plain data, optional
            What else belongs to it, as JSON.
        alias : str, optional
            Such as ``challenger``; the champion is made by `promote` alone.
        model_version : str
            What its predictions will say in `model_version`; the number of the version if nothing is said.

        Raises
        ------
        UnusableModelError
            If the model cannot be kept, or the data has another number of columns than it takes.
        """
        _see_arguments(name, metrics, alias, model_version)
        contents = written(
            model,
            data=data,
            attached={
                **({} if slices is None else {"slices": [dict(row) for row in slices]}),
                **(
                    {}
                    if reference is None
                    else {"reference": {k: v.model_dump() for k, v in reference.items()}}
                ),
                **(attached or {}),
            },
            trusted=self._settings.trusted_types,
        )
        with contents, self._tracking.asking(f"registering {name}", making=True) as client:
            root = self._settings.artifact_root
            number = write_version(client, name, contents, params, metrics, data, model_version, root)
            if alias is not None:
                client.set_registered_model_alias(name, alias, str(number))
        return self.resolve(name, number)

    def promote(self, name: str, which: str | int) -> RegisteredVersion:
        """Make a version the champion; the one before is remembered for `rollback`.

        Returns
        -------
        RegisteredVersion
            The champion.

        Raises
        ------
        UnusableModelError
            If it is half-written.
        """
        with self._tracking.asking(f"promoting {name} {which}", writing=True) as client:
            listed = list_versions(client, name)
            version = _usable(listed, name, which)
            champion = with_alias(listed, CHAMPION)
            if champion is None or champion.number != version.number:
                # The alias first: were the history first, a kill in between would make rollback go forward.
                client.set_registered_model_alias(name, CHAMPION, str(version.number))
                history = read_history(client, name)
                if champion is not None and history[-1:] != [champion.number]:
                    history.append(champion.number)
                write_history(client, name, [*history, version.number])
            if CHALLENGER in version.aliases:
                client.delete_registered_model_alias(name, CHALLENGER)
        return self.resolve(name, version.number)

    def rollback(self, name: str) -> RegisteredVersion:
        """Make the champion before this one the champion again.

        Raises
        ------
        ModelRegistryError
            If there is none.
        """
        with self._tracking.asking(f"rolling back {name}", writing=True) as client:
            listed = list_versions(client, name)
            now = with_alias(listed, CHAMPION)
            if now is None:
                raise ModelRegistryError(f"{name} has no champion; `streamgauge models promote` makes one")
            usable = {one.number for one in listed if one.state is not VersionState.HALF_WRITTEN}
            history = read_history(client, name)
            while history and (history[-1] == now.number or history[-1] not in usable):
                history.pop()
            if not history:
                raise ModelRegistryError(f"{now.label} has no champion before it that is still there")
            # The history first: were the alias first, a kill in between would make the next rollback go forward.
            write_history(client, name, history)
            client.set_registered_model_alias(name, CHAMPION, str(history[-1]))
        return self.resolve(name, history[-1])

    def challenge(self, name: str, which: str | int) -> RegisteredVersion:
        """Make a version the challenger.

        Raises
        ------
        UnusableModelError
            If it is half-written.
        """
        with self._tracking.asking(f"making {name} {which} the challenger", writing=True) as client:
            version = _usable(list_versions(client, name), name, which)
            client.set_registered_model_alias(name, CHALLENGER, str(version.number))
        return self.resolve(name, version.number)

    def withdraw(self, name: str) -> None:
        """Take the challenger's alias away: it was compared, and is kept as a version only."""
        with self._tracking.asking(f"withdrawing the challenger of {name}", writing=True) as client:
            client.delete_registered_model_alias(name, CHALLENGER)


def _found(listed: Sequence[RegisteredVersion], name: str, which: str | int) -> RegisteredVersion:
    found = find_version(listed, which)
    if found is None:
        there = ", ".join(str(one.number) for one in listed[:5]) or "none"
        raise ModelRegistryError(
            f"{name} has no version or alias {str(which)[:80]!r}; the newest versions: {there}"
        )
    return found


def _usable(listed: Sequence[RegisteredVersion], name: str, which: str | int) -> RegisteredVersion:
    """Return a version that may get an alias: one of another program, too, since that may load it."""
    found = _found(listed, name, which)
    if found.state is not VersionState.FOREIGN:
        _see_complete(found)
    return found


def _see_complete(version: RegisteredVersion) -> None:
    if version.state is VersionState.HALF_WRITTEN:
        raise UnusableModelError(
            f"{version.label} is half-written: whoever registered it did not get to the end; register it again"
        )
    if version.state is VersionState.FOREIGN:
        raise UnusableModelError(
            f"{version.label} was logged by another program, and cannot be loaded here: it may be pickled, which runs code"
        )


def _see_arguments(name: str, metrics: Mapping[str, float], alias: str | None, model_version: str) -> None:
    if not _NAME.fullmatch(name):
        raise ModelRegistryError(
            f"{name[:80]!r} is no name of a model: letters, digits, '.', '_', '-' and blanks, 200 at most"
        )
    for key, figure in metrics.items():
        if not abs(float(figure)) < float("inf"):
            raise ModelRegistryError(f"the metric {key} of {name} is {figure!r}; expected a finite number")
    if alias is not None and (not _ALIAS.fullmatch(alias) or alias == CHAMPION):
        raise ModelRegistryError(
            f"{alias[:80]!r} is no alias to register a model under; a champion is promoted"
        )
    if model_version.isdecimal() or len(model_version) > 200 or not model_version.isprintable():
        raise ModelRegistryError(
            f"model_version {model_version[:80]!r}: expected a text of at most 200 characters that is no number, which the registry gives"
        )
