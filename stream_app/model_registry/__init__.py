"""Registered models: versions with their figures, data and files, in MLflow."""

from typing import TYPE_CHECKING

from stream_app.lazy import lazy_names

if TYPE_CHECKING:
    from stream_app.model_registry.loaded import LoadedModel
    from stream_app.model_registry.reference import ReferenceStatistics, reference_statistics
    from stream_app.model_registry.registry import ModelRegistry
    from stream_app.model_registry.training_data import DataFingerprint, fingerprint
    from stream_app.model_registry.version import CHALLENGER, CHAMPION, RegisteredVersion, VersionState

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DataFingerprint",
    "LoadedModel",
    "ModelRegistry",
    "ReferenceStatistics",
    "RegisteredVersion",
    "VersionState",
    "fingerprint",
    "reference_statistics",
]

_MODULES = {
    "CHALLENGER": "model_registry.version",
    "CHAMPION": "model_registry.version",
    "DataFingerprint": "model_registry.training_data",
    "LoadedModel": "model_registry.loaded",
    "ModelRegistry": "model_registry.registry",
    "ReferenceStatistics": "model_registry.reference",
    "RegisteredVersion": "model_registry.version",
    "VersionState": "model_registry.version",
    "fingerprint": "model_registry.training_data",
    "reference_statistics": "model_registry.reference",
}

if not TYPE_CHECKING:  # else a type checker would take any name for one that is there
    __getattr__ = lazy_names(__name__, _MODULES)
