"""What is shipped: the wheel, its version and its command."""

import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import stream_app

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return out


@pytest.fixture(scope="module")
def wheel(built):
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def tracked(package):
    """Files of a package as they stand in the tree, without what Python leaves there."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_the_wheel_holds_both_packages_and_nothing_else(names):
    info = f"streamgauge-{stream_app.__version__}.dist-info/"
    shipped = {name for name in names if not name.startswith(info)}
    assert shipped == tracked("stream_app") | tracked("producers")
    assert {name.removeprefix(info) for name in names if name.startswith(info)} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_the_source_distribution_holds_what_the_wheel_is_built_from_and_nothing_else(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        shipped = {member.name.partition("/")[2] for member in archive if member.isfile()}
    beside = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    assert shipped == tracked("stream_app") | tracked("producers") | beside


@pytest.mark.parametrize(
    "name",
    [
        "stream_app/py.typed",
        "producers/py.typed",
        "stream_app/store/scripts/checkpoint.lua",
        "stream_app/store/scripts/claim.lua",
        "stream_app/store/scripts/raise_alert.lua",
        "stream_app/store/scripts/write_features.lua",
    ],
)
def test_files_that_are_no_python_are_shipped(names, name):
    assert name in names


def test_every_directory_with_code_is_a_package(names):
    folders = {name.rpartition("/")[0] for name in names if name.endswith(".py")}
    assert {folder for folder in folders if f"{folder}/__init__.py" not in names} == set()


def test_the_metadata_says_what_pyproject_says(wheel, names):
    (metadata,) = (name for name in names if name.endswith("METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        told = email.message_from_bytes(archive.read(metadata))
        entry_points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert told["Name"] == "streamgauge"
    assert told["Version"] == PROJECT["version"] == stream_app.__version__
    assert set(told.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    assert "streamgauge = stream_app.cli:main" in entry_points


def test_every_dependency_is_bounded_below_and_above():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    wrong = [need for group in groups for need in group if not re.search(r">=.+,<", need)]
    assert wrong == []


@pytest.mark.parametrize(
    "command", [["streamgauge"], [sys.executable, "-m", "stream_app"]], ids=["script", "module"]
)
def test_the_command_tells_its_version(command, tmp_path):
    script = Path(sys.executable).parent / command[0]
    ran = subprocess.run(
        [str(script) if script.exists() else command[0], *command[1:], "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert ran.stdout == f"streamgauge {stream_app.__version__}\n"


@pytest.mark.slow
def test_the_shipped_wheel_works_without_the_source_tree(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import stream_app, producers.replay; from stream_app.store.functions import library; "
        "assert 'HSET' in library(); print(stream_app.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        timeout=60,
    )
    assert ran.stdout.startswith(str(tmp_path))


LOCK = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")


def test_the_lock_holds_all_that_is_needed_with_hashes():
    locked = {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", LOCK, re.MULTILINE)}
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values(), ["hatchling", "editables"]]
    needed = {re.match(r"[A-Za-z0-9._-]+", need)[0].lower() for group in groups for need in group}
    assert needed - locked == set()
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_names_neither_a_machine_nor_a_registry():
    assert not re.search(r"https?://|--index|--find-links| /[a-z]+/", LOCK)
    assert "make lock" in LOCK.splitlines()[1]


def test_the_changelog_has_a_place_for_what_comes_next():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
