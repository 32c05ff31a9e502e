"""The registry of models: register a version, find it again, load it, and say which one is meant to serve."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from stream_app.errors import ModelRegistryError, UnusableModelError
from stream_app.model_registry.contents import (
    Contents,
    read_attachment,
    read_contents,
    read_manifest,
    written,
)
from stream_app.model_registry.loaded import LoadedModel
from stream_app.model_registry.reference import FeatureStatistics, ReferenceStatistics
from stream_app.model_registry.tracking import Tracking
from stream_app.model_registry.training_data import DataFingerprint
from stream_app.model_registry.version import CHALLENGER, CHAMPION, RegisteredVersion, VersionState
from stream_app.settings import Settings
from stream_app.settings.model_registry import ModelRegistrySettings

__all__ = ["ModelRegistry"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,199}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,50}")
_UNQUOTED = re.compile(r"[^'\"\\]{1,250}")
_STATE = "streamgauge.state"
_MANIFEST = "streamgauge.manifest"
_MODEL_VERSION = "streamgauge.model_version"
_HISTORY = "streamgauge.champions"
_REMEMBERED = 20
_PAGE = 200

Scalar: TypeAlias = str | int | float | bool | None


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

    def names(self) -> list[str]:
        """Return the names of all registered models, in alphabetical order."""
        if not self._tracking.is_there:
            return []
        with self._tracking.asking("reading the names of models") as client:
            found = _pages(lambda token: client.search_registered_models(max_results=_PAGE, page_token=token))
        return sorted(one.name for one in found)

    def versions(self, name: str, *, limit: int | None = None) -> list[RegisteredVersion]:
        """Return the versions of a model, newest first, with parameters and metrics.

        Parameters
        ----------
        name : str
        limit : int, optional
            Newest that are returned: each costs a question.

        Raises
        ------
        ModelRegistryError
            If there is no such model.
        """
        with self._tracking.asking(f"reading the versions of {name}") as client:
            return [self._version(client, *one) for one in self._listed(client, name)[:limit]]

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
            listed, aliases = self._find(client, name, which)
            version = self._version(client, listed, aliases)
            if version.state is not VersionState.COMPLETE:
                return version
            manifest = read_manifest(client, version.run, listed.tags[_MANIFEST])
            return self._version(client, listed, aliases, manifest=manifest)

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
            number = self._write(client, name, contents, params, metrics, data, model_version)
            if alias is not None:
                client.set_registered_model_alias(name, alias, str(number))
        return self.resolve(name, number)

    def _write(
        self,
        client: Any,
        name: str,
        contents: Contents,
        params: Mapping[str, Scalar],
        metrics: Mapping[str, float],
        data: DataFingerprint,
        model_version: str,
    ) -> int:
        run = client.create_run(self._experiment(client, name), run_name=name)
        try:
            for key, value in params.items():
                client.log_param(run.info.run_id, key, value)
            for key, figure in metrics.items():
                client.log_metric(run.info.run_id, key, figure)
            contents.upload(client, run.info.run_id, data)
            self._ensure_model(client, name)
            tags = {
                _STATE: VersionState.HALF_WRITTEN.value,
                _MANIFEST: contents.manifest_digest,
                _MODEL_VERSION: model_version,
            }
            source = f"{run.info.artifact_uri}/model"
            number = int(client.create_model_version(name, source, run.info.run_id, tags=tags).version)
        except BaseException:
            _give_up(client, run.info.run_id)
            raise
        client.set_terminated(run.info.run_id, "FINISHED")
        client.set_model_version_tag(name, str(number), _STATE, VersionState.COMPLETE.value)
        return number

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
            listed, aliases = self._find(client, name, which)
            version = self._version(client, listed, aliases)
            if version.state is VersionState.HALF_WRITTEN:
                _see_complete(version)
            before = aliases.get(CHAMPION)
            if before != version.number:
                # The alias first: were the history first, a kill in between would make rollback go forward.
                client.set_registered_model_alias(name, CHAMPION, str(version.number))
                history = self._history(client, name)
                if before is not None and history[-1:] != [before]:
                    history.append(before)
                self._remember(client, name, [*history, version.number])
            if aliases.get(CHALLENGER) == version.number:
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
            listed = self._listed(client, name)
            now = listed[0][1].get(CHAMPION) if listed else None
            if now is None:
                raise ModelRegistryError(f"{name} has no champion; `streamgauge models promote` makes one")
            usable = {
                int(one.version) for one, _ in listed if _state(one.tags) is not VersionState.HALF_WRITTEN
            }
            history = self._history(client, name)
            while history and (history[-1] == now or history[-1] not in usable):
                history.pop()
            if not history:
                raise ModelRegistryError(f"{name} {now} has no champion before it that is still there")
            # The history first: were the alias first, a kill in between would make the next rollback go forward.
            self._remember(client, name, history)
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
            listed, aliases = self._find(client, name, which)
            version = self._version(client, listed, aliases)
            if version.state is VersionState.HALF_WRITTEN:
                _see_complete(version)
            client.set_registered_model_alias(name, CHALLENGER, str(version.number))
        return self.resolve(name, version.number)

    def withdraw(self, name: str) -> None:
        """Take the challenger's alias away: it was compared, and is kept as a version only."""
        with self._tracking.asking(f"withdrawing the challenger of {name}", writing=True) as client:
            client.delete_registered_model_alias(name, CHALLENGER)

    def _experiment(self, client: Any, name: str) -> str:
        """Experiment of a model's runs, by its name; made if it is not there."""
        found = client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage != "active":
                raise ModelRegistryError(
                    f"the experiment {name} was deleted; restore it, or choose another name"
                )
            return str(found.experiment_id)
        return str(client.create_experiment(name, artifact_location=self._settings.artifact_root))

    def _ensure_model(self, client: Any, name: str) -> None:
        try:
            client.create_registered_model(name)
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                raise

    def _listed(self, client: Any, name: str) -> list[tuple[Any, dict[str, int]]]:
        """All versions as MLflow lists them, newest first, each with the aliases of the model."""
        if not _UNQUOTED.fullmatch(name):
            raise ModelRegistryError(f"no model is named {name[:80]!r}")
        try:
            model = client.get_registered_model(name)
        except Exception as error:
            if not self._tracking.is_missing(error):
                raise
            raise ModelRegistryError(
                f"no model {name!r}; `streamgauge models list` shows those that there are"
            ) from None
        aliases = {alias: int(number) for alias, number in model.aliases.items()}
        query = f"name = '{name}'"
        found = _pages(lambda token: client.search_model_versions(query, max_results=_PAGE, page_token=token))
        return [(one, aliases) for one in sorted(found, key=lambda one: -int(one.version))]

    def _find(self, client: Any, name: str, which: str | int) -> tuple[Any, dict[str, int]]:
        listed = self._listed(client, name)
        text = str(which)
        numbers = {int(one.version): (one, aliases) for one, aliases in listed}
        aliases = listed[0][1] if listed else {}
        if text in aliases and aliases[text] in numbers:
            return numbers[aliases[text]]
        for one, all_aliases in listed:
            if one.tags.get(_MODEL_VERSION) == text:
                return one, all_aliases
        if text.isdecimal() and text.isascii() and int(text) in numbers:
            return numbers[int(text)]
        there = ", ".join(map(str, sorted(numbers)[-5:])) or "none"
        raise ModelRegistryError(
            f"{name} has no version or alias {text[:80]!r}; the newest versions: {there}"
        )

    def _version(
        self, client: Any, listed: Any, aliases: Mapping[str, int], *, manifest: Any = None
    ) -> RegisteredVersion:
        number = int(listed.version)
        params, metrics = dict[str, str](), dict[str, float]()
        if listed.run_id:
            try:
                data = client.get_run(listed.run_id).data
                params, metrics = dict(data.params), dict(data.metrics)
            except Exception as error:  # of a run that was deleted, the version stays
                if not self._tracking.is_missing(error):
                    raise
        return RegisteredVersion(
            name=listed.name,
            number=number,
            state=_state(listed.tags),
            aliases=tuple(sorted(alias for alias, of in aliases.items() if of == number)),
            model_version=listed.tags.get(_MODEL_VERSION) or str(number),
            run=listed.run_id or "",
            created_at=listed.creation_timestamp / 1000.0,
            params=params,
            metrics=metrics,
            manifest=manifest,
        )

    def _history(self, client: Any, name: str) -> list[int]:
        """Champions so far, the newest last; what is no such list counts for nothing."""
        said = client.get_registered_model(name).tags.get(_HISTORY, "[]")
        try:
            found = json.loads(said)
        except (ValueError, RecursionError):
            return []
        whole = isinstance(found, list) and all(type(number) is int for number in found)
        return found if whole else []

    def _remember(self, client: Any, name: str, history: Sequence[int]) -> None:
        client.set_registered_model_tag(name, _HISTORY, json.dumps(list(history[-_REMEMBERED:])))


def _pages(ask: Callable[[str | None], Any]) -> list[Any]:
    """All of what is answered in pages."""
    found, token = list[Any](), None
    while True:
        page = ask(token)
        found += page
        token = page.token
        if not token:
            return found


def _state(tags: Mapping[str, str]) -> VersionState:
    said = tags.get(_STATE)
    if said is None:
        return VersionState.FOREIGN
    return VersionState.COMPLETE if said == VersionState.COMPLETE.value else VersionState.HALF_WRITTEN


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


def _give_up(client: Any, run: str) -> None:
    """Say that a run failed, if that can still be said; the error that ended it is the one that counts."""
    try:
        client.set_terminated(run, "FAILED")
    except Exception:  # noqa: BLE001 the registry is away, perhaps; the version is not complete either way
        return
