"""The public face: what `import stream_app` gives, what it costs, and what a type checker says of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api as mypy

import stream_app as sg
from stream_app import client

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "numba",
    "numpy",
    "scipy",
    "river",
    "faust",
    "aiokafka",
    "redis",
    "pydantic",
    "msgspec",
    "narwhals",
    "polars",
)


def loaded_by(code):
    """Modules that a fresh interpreter has loaded after some code."""
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(said.stdout.split())


@pytest.mark.parametrize("package", ["stream_app", "stream_app.client"])
def test_the_import_loads_no_library(package):
    assert loaded_by(f"import {package}") & set(HEAVY) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "spared"),
    [
        ("DriftDetector", {"faust", "aiokafka", "redis", "pydantic", "matplotlib", "narwhals"}),
        ("Monitor", {"faust", "aiokafka", "redis", "matplotlib", "polars"}),
        ("backtest", {"faust", "aiokafka", "redis", "matplotlib", "polars"}),
        ("load_settings", {"faust", "aiokafka", "redis", "numba"}),
        ("FeatureClient", {"faust", "aiokafka", "matplotlib", "narwhals"}),
        ("AlertSubscriber", {"faust", "numba", "matplotlib"}),
    ],
)
def test_a_name_loads_what_it_needs_and_not_the_worker(name, spared):
    assert loaded_by(f"import stream_app; stream_app.{name}") & spared == set()


def test_a_client_loads_few_modules():
    """Of ours, those of features, their keys and servers; with those of numpy, redis-py and pydantic, about 500."""
    loaded = loaded_by("from stream_app.client import FeatureClient")
    ours = [name for name in loaded if name.startswith("stream_app.")]
    assert len(ours) <= 50, ours
    assert "pydantic_settings" not in loaded


def test_programs_that_use_what_is_written_find_all_they_name_in_one_package():
    loaded = loaded_by(
        "from stream_app.client import *; assert FeatureClient and Alert and StoreError and Start"
    )
    assert not loaded & {"faust", "numba", "matplotlib"}
    assert {getattr(client, name) is not None for name in client.__all__} == {True}


@pytest.mark.parametrize("name", sg.__all__)
def test_every_name_is_there_and_named_after_itself(name):
    value = getattr(sg, name)
    assert getattr(value, "__name__", name) == name
    assert name in dir(sg)


@pytest.mark.slow
def test_modules_that_are_imported_hide_no_name():
    loaded = "import stream_app, stream_app.backtesting, stream_app.cli.main, stream_app.cli.backtest.sensors, stream_app.monitor"
    subprocess.run(
        [sys.executable, "-c", f"{loaded}; assert callable(stream_app.backtest) and callable(stream_app.Monitor)"],
        cwd=ROOT, check=True, timeout=60,
    )  # fmt: skip


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'stream_app' has no attribute 'nothing'"):
        _ = sg.nothing


@pytest.mark.slow
def test_a_type_checker_knows_every_name(tmp_path):
    out, err, code = mypy.run(
        ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path), str(ROOT / "tests/face_types.py")]
    )  # fmt: skip
    assert (code, err) == (0, ""), out
