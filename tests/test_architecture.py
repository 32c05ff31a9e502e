"""The arrows between the layers, and what a pure core may know."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from stream_app.kinds import KINDS

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "stream_app" / "core").rglob("*.py"))
MONITORS = sorted((ROOT / "stream_app" / "monitors").rglob("*.py"))

# Libraries without a clock, a file, a network or a random number of their own; that nobody asks `datetime` for the time is tested below.
PURE = {
    "__future__", "abc", "array", "base64", "bisect", "cmath", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "difflib", "enum",
    "fractions", "functools", "hashlib", "heapq", "hmac", "inspect", "itertools", "json", "math", "numbers", "operator", "re", "statistics",
    "string", "struct", "types", "typing", "warnings", "zlib", "zoneinfo",
}  # fmt: skip
STATISTICS = {"numba", "numpy", "scipy", "river"}
RANDOM = {"random"}  # with a seed: see below
# Machine code is kept in files; a bank's memory is mapped, without a file; the clocks of time zones are looked up in a table.
COMPILER = {
    ("stream_app/core/kernel_cache.py", name) for name in ("glob", "pathlib", "pickle", "tempfile")
} | {
    ("stream_app/core/bank.py", "mmap"),
    ("stream_app/core/anomaly/calendar.py", "zoneinfo"),
    # River's classes, of a list in the module, when a platform has such a model.
    ("stream_app/core/platform/online_models.py", "importlib"),
}


def imports(path):
    """Top-level names of the modules a file imports; ours in full."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
        else:
            continue
        for name in names:
            yield ".".join(name.split(".")[:2]) if name.startswith("stream_app.") else name.split(".")[0]


def called(path):
    """Dotted names of what a file calls, with the number of arguments."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), len(node.args) + len(node.keywords), node.lineno


def test_the_contracts_of_the_layers_hold(monkeypatch, capsys):
    # It would switch off the loggers of whatever was imported before.
    monkeypatch.setattr("importlinter.cli._configure_logging", lambda _: None)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "ours"),
    [
        (CORE, {"stream_app.core", "stream_app.errors", "stream_app.plugins"}),
        (
            MONITORS,
            {
                "stream_app.core",
                "stream_app.errors",
                "stream_app.events",
                "stream_app.labels",
                "stream_app.monitors",
                "stream_app.settings",
            },
        ),
    ],
    ids=["core", "monitors"],
)
def test_pure_layers_import_pure_modules_only(files, ours):
    assert files
    found = {(path.relative_to(ROOT).as_posix(), name) for path in files for name in imports(path)}
    allowed = PURE | STATISTICS | RANDOM | ours
    assert sorted((path, name) for path, name in found - COMPILER if name not in allowed) == []


def test_every_random_choice_in_a_pure_layer_is_seeded():
    faults = []
    for path in CORE + MONITORS:
        for name, arguments, line in called(path):
            where = f"{path.relative_to(ROOT)}:{line}: {name}"
            last = name.rpartition(".")[2]
            seeded = last in {"default_rng", "Random", "SeedSequence", "PCG64", "Generator", "RandomState"}
            shared = not seeded and "(" not in name and name.startswith(("np.random.", "random."))
            if (seeded and arguments == 0) or shared:
                faults.append(where)
    assert faults == []


@pytest.mark.parametrize("files", [CORE, MONITORS], ids=["core", "monitors"])
def test_pure_layers_neither_print_nor_open_nor_ask_the_clock(files):
    forbidden = {"print", "open", "input", "eval", "exec", "datetime.now", "datetime.utcnow", "date.today"}
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in files
        for name, _, line in called(path)
        if name in forbidden
    ]
    assert found == []


def test_only_kinds_ask_what_settings_a_stream_has():
    models = {kind.settings.__name__ for kind in KINDS.values()}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "stream_app").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"isinstance", "issubclass"}
        and any(isinstance(name, ast.Name) and name.id in models for name in ast.walk(node.args[1]))
    ]
    assert found == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_parts_that_a_kind_names_can_be_imported(kind):
    for part in filter(None, (kind.agent, kind.backtest)):
        assert callable(kind.load(part))


def test_kinds_are_known_without_importing_their_monitors():
    code = "import sys, stream_app.kinds; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {
        "numba",
        "scipy",
        "river",
        "faust",
        "stream_app.monitors",
        "stream_app.core",
        "stream_app.runtime",
    }
    assert heavy & set(loaded.stdout.split()) == set()


def test_the_list_of_pure_modules_holds_modules_of_the_standard_library():
    assert PURE - set(sys.stdlib_module_names) == set()


@pytest.mark.parametrize("package", ["stream_app", "producers"])
def test_files_stay_short_enough_to_read(package):
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > 400} == {}
