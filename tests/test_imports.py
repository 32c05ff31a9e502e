"""Every module can be imported, with whatever versions of libraries are installed."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import producers
import stream_app

MODULES = [
    module.name
    for package in (stream_app, producers)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


def test_every_module_can_be_imported():
    failed = {}
    for name in MODULES:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 whatever it is, the others are tried
            failed[name] = repr(error)
    assert failed == {}


ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(
    path.relative_to(ROOT) for name in ("benchmarks", "docs") for path in (ROOT / name).rglob("*.py")
)


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_a_script_that_no_other_test_runs_imports_what_there_is(script):
    for node in ast.walk(ast.parse((ROOT / script).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
            "stream_app",
            "producers",
        ):
            module = importlib.import_module(node.module)
            missing = [
                alias.name
                for alias in node.names
                if not hasattr(module, alias.name) and f"{node.module}.{alias.name}" not in MODULES
            ]
            assert missing == [], node.module
