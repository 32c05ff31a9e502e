"""Machine code of kernels: kept, loaded without the right to write, and never stale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CALLED = """
from stream_app.core.kernel import kernel

@kernel
def called(x):
    return x + {amount}
"""

CALLER = """
from called import called
from stream_app.core.kernel import kernel
from stream_app.core.kernel_cache import when_compiling

SCALE = {scale}

@kernel
def later(x):
    return SCALE * helper(x)

@kernel
def helper(x):
    return called(x)

when_compiling(lambda: print("compiling"))
print(later(1.0))
"""


@pytest.fixture
def package(tmp_path):
    """Write two modules, of which one compiles a kernel of the other into its own."""

    def write(*, amount=1.0, scale=10.0):
        tmp_path.chmod(0o755)
        (tmp_path / "called.py").write_text(CALLED.format(amount=amount))
        (tmp_path / "caller.py").write_text(CALLER.format(scale=scale))
        return tmp_path

    return write


def run(folder, **env):
    ran = subprocess.run(
        [sys.executable, "caller.py"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": ""}
        | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stdout.split()


@pytest.mark.slow
def test_a_kernel_is_compiled_once_and_again_when_one_that_it_calls_has_changed(package):
    folder = package()
    assert run(folder) == ["compiling", "20.0"]
    assert run(folder) == ["20.0"]
    package(amount=2.0)
    assert run(folder) == ["compiling", "30.0"]
    package(amount=2.0, scale=5.0)
    assert run(folder) == ["compiling", "15.0"]


@pytest.mark.slow
def test_what_is_compiled_is_loaded_where_nothing_can_be_written(package, tmp_path):
    folder = package()
    nowhere = {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"}
    cache = folder / "__pycache__"
    # A file in its place: nobody can write there, not even root.
    cache.write_text("")
    assert run(folder, **nowhere) == ["compiling", "20.0"]
    assert run(folder, **nowhere) == ["compiling", "20.0"]
    cache.unlink()
    assert run(folder, **nowhere) == ["compiling", "20.0"]
    kept = sorted(file.name for file in cache.iterdir())
    assert any(name.endswith(".nbc") for name in kept)
    assert run(folder, **nowhere) == ["20.0"]


@pytest.mark.slow
def test_where_the_module_cannot_be_written_to_the_users_cache_is_used(package, tmp_path_factory):
    folder, home = package(), tmp_path_factory.mktemp("home")
    (folder / "__pycache__").write_text("")
    mine = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    assert run(folder, **mine) == ["compiling", "20.0"]
    assert run(folder, **mine) == ["20.0"]


@pytest.mark.slow
def test_a_damaged_file_is_compiled_anew(package):
    folder = package()
    run(folder)
    for file in (folder / "__pycache__").glob("*.nbc"):
        file.write_bytes(b"nothing")
    assert run(folder) == ["compiling", "20.0"]
    assert run(folder) == ["20.0"]
