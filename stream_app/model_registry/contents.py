"""The files of a version: the model, its manifest, and plain data beside it."""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from stream_app.errors import UnusableModelError
from stream_app.labels import label_text
from stream_app.model_registry.formats import features_of, read_model, write_model
from stream_app.model_registry.manifest import Manifest
from stream_app.model_registry.training_data import DataFingerprint

__all__ = ["Contents", "read_attachment", "read_contents", "read_manifest", "written"]

_FOLDER = "model"
_MANIFEST = "manifest.json"
_MAX_MODEL_BYTES = 1 << 30
_MAX_TEXT_BYTES = 1 << 26


class Contents:
    """The files of a version in a folder, until they are uploaded; made by `written`."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str], manifest_digest: str) -> None:
        self._folder = folder
        self.manifest_digest = manifest_digest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def describe(
        self,
        client: Any,
        run: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        data: DataFingerprint,
    ) -> None:
        """Tell MLflow how the model was trained, how well it does, and on which data."""
        entities, now = import_module("mlflow.entities"), int(time.time() * 1000)
        client.log_batch(
            run,
            metrics=[entities.Metric(key, float(figure), now, 0) for key, figure in metrics.items()],
            params=[entities.Param(key, str(value)) for key, value in params.items()],
        )
        known = entities.Dataset(
            name=data.source[:500] or "rows",
            digest=data.digest[:36],
            source_type="local",
            source=json.dumps({"source": data.source[:500]}),
            profile=json.dumps({"num_rows": data.rows, "start": data.start, "end": data.end}),
        )
        tags = [entities.InputTag("mlflow.data.context", "training")]
        client.log_inputs(run, [entities.DatasetInput(known, tags)])

    def upload(self, client: Any, run: str) -> None:
        """Hand all files to MLflow."""
        client.log_artifacts(run, self._folder.name, _FOLDER)


def written(
    model: Any, *, data: DataFingerprint, attached: Mapping[str, Any], trusted: Sequence[str]
) -> Contents:
    """Write the files of a version to a folder that is removed in the end.

    Raises
    ------
    UnusableModelError
        If the model cannot be kept, or does not take the columns of the data.
    """
    folder = tempfile.TemporaryDirectory(prefix="streamgauge-")
    try:
        return Contents(folder, _write(Path(folder.name), model, data, attached, trusted))
    except BaseException as error:
        folder.cleanup()
        if isinstance(error, ValidationError):
            raise UnusableModelError(f"the model cannot be described: {_first(error)}") from None
        if isinstance(error, TypeError | ValueError):
            raise UnusableModelError(f"what is kept beside the model is not plain data: {error}") from None
        raise


def _write(
    path: Path, model: Any, data: DataFingerprint, attached: Mapping[str, Any], trusted: Sequence[str]
) -> str:
    """Write all files, and return the digest of the manifest."""
    file = write_model(model, path, trusted=trusted)
    if file.features is not None and file.features != len(data.columns):
        raise UnusableModelError(
            f"the model takes {file.features} features, and the data has {len(data.columns)} columns"
        )
    manifest = Manifest(
        format=file.format,
        file=file.file,
        digest=_digest((path / file.file).read_bytes()),
        library=file.library,
        classes=tuple(label_text(name) for name in file.classes),
        whole_classes=bool(file.classes) and all(type(name) is int for name in file.classes),
        features=data.columns,
        data=data,
        attached=tuple(sorted(attached)),
    )
    for name, content in attached.items():
        (path / f"{name}.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    text = manifest.model_dump_json(indent=1)
    (path / _MANIFEST).write_text(text, encoding="utf-8")
    return _digest(text.encode())


def read_manifest(client: Any, run: str, digest: str) -> Manifest:
    """Read what the files of a run say about its model.

    Parameters
    ----------
    client : MlflowClient
    run : str
        Its id.
    digest : str
        Of the manifest, as the registry has it.

    Raises
    ------
    UnusableModelError
        If it is not there, was changed, or is none.
    """
    with _fetched(client, run, _MANIFEST, _MAX_TEXT_BYTES) as path:
        raw = path.read_bytes()
    if _digest(raw) != digest:
        raise UnusableModelError("the manifest is not the one that was registered; register the model again")
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        raise UnusableModelError(f"the manifest is none: {_first(error)}; register the model again") from None


def read_contents(client: Any, run: str, manifest: Manifest, trusted: Sequence[str]) -> Any:
    """Load the model of a run.

    Raises
    ------
    UnusableModelError
        If its file is not there, was changed, or cannot be read.
    """
    with _fetched(client, run, manifest.file, _MAX_MODEL_BYTES) as path:
        if _digest(path.read_bytes()) != manifest.digest:
            raise UnusableModelError(
                f"{manifest.file} is not the one that was registered; register the model again"
            )
        model = read_model(manifest, path, trusted=trusted)
    takes = features_of(model)
    if takes is not None and takes != len(manifest.features):
        raise UnusableModelError(
            f"the model takes {takes} features, and its manifest names {len(manifest.features)}"
        )
    return model


def read_attachment(client: Any, run: str, name: str) -> Any:
    """Read plain data that is kept beside a model.

    Raises
    ------
    UnusableModelError
        If it is not there, or damaged.
    """
    with _fetched(client, run, f"{name}.json", _MAX_TEXT_BYTES) as path:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UnusableModelError(f"{name}.json is no JSON: {error}") from None


@contextmanager
def _fetched(client: Any, run: str, name: str, most: int) -> Iterator[Path]:
    """Give a file of a run in a folder of our own; its size is asked first."""
    sizes = {one.path: one.file_size for one in client.list_artifacts(run, _FOLDER) if not one.is_dir}
    path = f"{_FOLDER}/{name}"
    if path not in sizes:
        raise UnusableModelError(f"{name} is not there any more; register the model again")
    if (sizes[path] or 0) > most:
        raise UnusableModelError(f"{name} has {sizes[path]:,} bytes; at most {most:,} are read")
    with tempfile.TemporaryDirectory(prefix="streamgauge-") as folder:
        yield Path(client.download_artifacts(run, path, folder))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _first(error: ValidationError) -> str:
    one = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
