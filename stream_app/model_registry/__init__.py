"""Registered models: versions with their figures, data and files, in MLflow."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.model_registry.answered import Answering, last_answers, versions_seen
    from stream_app.model_registry.loaded import LoadedModel
    from stream_app.model_registry.reference import ReferenceStatistics, reference_statistics
    from stream_app.model_registry.registry import ModelRegistry
    from stream_app.model_registry.training_data import DataFingerprint, fingerprint
    from stream_app.model_registry.version import (
        CHALLENGER,
        CHAMPION,
        RegisteredVersion,
        VersionState,
        find_version,
        with_alias,
    )

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Answering",
    "DataFingerprint",
    "LoadedModel",
    "ModelRegistry",
    "ReferenceStatistics",
    "RegisteredVersion",
    "VersionState",
    "find_version",
    "fingerprint",
    "last_answers",
    "reference_statistics",
    "versions_seen",
    "with_alias",
]

_MODULES = {
    "CHALLENGER": "model_registry.version",
    "CHAMPION": "model_registry.version",
    "Answering": "model_registry.answered",
    "DataFingerprint": "model_registry.training_data",
    "LoadedModel": "model_registry.loaded",
    "ModelRegistry": "model_registry.registry",
    "ReferenceStatistics": "model_registry.reference",
    "RegisteredVersion": "model_registry.version",
    "VersionState": "model_registry.version",
    "find_version": "model_registry.version",
    "fingerprint": "model_registry.training_data",
    "last_answers": "model_registry.answered",
    "reference_statistics": "model_registry.reference",
    "versions_seen": "model_registry.answered",
    "with_alias": "model_registry.version",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
