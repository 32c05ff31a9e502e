"""What MLflow keeps of a registered model: runs, versions with their tags, aliases, and the champions there were."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stream_app.errors import ModelRegistryError
from stream_app.model_registry.contents import Contents
from stream_app.model_registry.manifest import Scalar
from stream_app.model_registry.tracking import is_missing
from stream_app.model_registry.training_data import DataFingerprint
from stream_app.model_registry.version import RegisteredVersion, VersionState

__all__ = [
    "list_names",
    "list_versions",
    "read_history",
    "with_figures",
    "write_history",
    "write_version",
]

_UNQUOTED = re.compile(r"[^'\"\\]{1,250}")
_STATE = "streamgauge.state"
_MANIFEST = "streamgauge.manifest"
_MODEL_VERSION = "streamgauge.model_version"
_HISTORY = "streamgauge.champions"
_REMEMBERED = 20
_PAGE = 200


def list_names(client: Any) -> list[str]:
    """Return the names of all registered models, in alphabetical order."""
    found = _pages(lambda token: client.search_registered_models(max_results=_PAGE, page_token=token))
    return sorted(one.name for one in found)


def list_versions(client: Any, name: str) -> list[RegisteredVersion]:
    """All versions, newest first, without figures and manifests."""
    if not _UNQUOTED.fullmatch(name):
        raise ModelRegistryError(f"no model is named {name[:80]!r}")
    try:
        model = client.get_registered_model(name)
    except Exception as error:
        if not is_missing(error):
            raise
        raise ModelRegistryError(
            f"no model {name!r}; `streamgauge models list` shows those that there are"
        ) from None
    aliases = {alias: int(number) for alias, number in model.aliases.items()}
    query = f"name = '{name}'"
    found = _pages(lambda token: client.search_model_versions(query, max_results=_PAGE, page_token=token))
    return sorted((_version(one, aliases) for one in found), key=lambda one: -one.number)


def with_figures(client: Any, version: RegisteredVersion) -> RegisteredVersion:
    """Return a version with parameters and metrics, which its run has."""
    if not version.run:
        return version
    try:
        data = client.get_run(version.run).data
    except Exception as error:  # of a run that was deleted, the version stays
        if not is_missing(error):
            raise
        return version
    return replace(version, params=dict(data.params), metrics=dict(data.metrics))


def read_history(client: Any, name: str) -> list[int]:
    """Champions so far, the newest last; what is no such list counts for nothing."""
    said = client.get_registered_model(name).tags.get(_HISTORY, "[]")
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return []
    whole = isinstance(found, list) and all(type(number) is int for number in found)
    return found if whole else []


def write_history(client: Any, name: str, history: Sequence[int]) -> None:
    """Keep the newest champions."""
    client.set_registered_model_tag(name, _HISTORY, json.dumps(list(history[-_REMEMBERED:])))


def write_version(
    client: Any,
    name: str,
    contents: Contents,
    params: Mapping[str, Scalar],
    metrics: Mapping[str, float],
    data: DataFingerprint,
    model_version: str,
    artifact_root: str | None,
) -> int:
    """Write a version, and return its number: its files, then the version, then the tag that says that all is there."""
    run = client.create_run(_experiment(client, name, artifact_root), run_name=name)
    try:
        contents.describe(client, run.info.run_id, params, metrics, data)
        contents.upload(client, run.info.run_id)
        _ensure_model(client, name)
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


def _experiment(client: Any, name: str, artifact_root: str | None) -> str:
    """Experiment of a model's runs, by its name; made if it is not there."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise ModelRegistryError(f"the experiment {name} was deleted; restore it, or choose another name")
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=artifact_root))


def _ensure_model(client: Any, name: str) -> None:
    try:
        client.create_registered_model(name)
    except Exception as error:
        if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
            raise


def _pages(ask: Callable[[str | None], Any]) -> list[Any]:
    """All of what is answered in pages."""
    found, token = list[Any](), None
    while True:
        page = ask(token)
        found += page
        token = page.token
        if not token:
            return found


def _version(listed: Any, aliases: Mapping[str, int]) -> RegisteredVersion:
    """Return a version as MLflow lists it."""
    number, tags = int(listed.version), listed.tags
    state = VersionState.FOREIGN
    if _STATE in tags:
        whole = tags[_STATE] == VersionState.COMPLETE.value
        state = VersionState.COMPLETE if whole else VersionState.HALF_WRITTEN
    return RegisteredVersion(
        name=listed.name,
        number=number,
        state=state,
        aliases=tuple(sorted(alias for alias, of in aliases.items() if of == number)),
        model_version=tags.get(_MODEL_VERSION) or str(number),
        run=listed.run_id or "",
        created_at=listed.creation_timestamp / 1000.0,
        manifest_digest=tags.get(_MANIFEST, ""),
    )


def _give_up(client: Any, run: str) -> None:
    """Say that a run failed, if that can still be said; the error that ended it is the one that counts."""
    try:
        client.set_terminated(run, "FAILED")
    except Exception:  # noqa: BLE001 the registry is away, perhaps; the version is not complete either way
        return
