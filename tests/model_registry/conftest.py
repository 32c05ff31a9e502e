"""A registry in a file; or on the server that STREAMGAUGE_TEST_MLFLOW names."""

import os

import numpy as np
import pytest
import sqlalchemy

from stream_app.model_registry import ModelRegistry
from stream_app.model_registry.tracking import Tracking
from stream_app.settings import Settings
from stream_app.settings.model_registry import ModelRegistrySettings

SERVER = os.environ.get("STREAMGAUGE_TEST_MLFLOW")


def _write_without_waiting(connection, _record):
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", _write_without_waiting)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """MLflow's tables take seconds to make: they are made once."""
    file = tmp_path_factory.mktemp("registry") / "registry.db"
    with Tracking(ModelRegistrySettings(uri=f"sqlite:///{file}")).asking("making it", making=True):
        pass
    return file


@pytest.fixture(scope="session")
def registry(request):
    """One for all tests, since MLflow takes a while to open a file: each has names of its own."""
    uri = SERVER or f"sqlite:///{request.getfixturevalue('empty_file')}"
    return ModelRegistry.open(Settings(registry={"uri": uri, "timeout": 5}))


@pytest.fixture
def name(prefix):
    return f"loans-{prefix}"


@pytest.fixture(scope="session")
def rows():
    return np.random.default_rng(0).normal(size=(200, 3))
