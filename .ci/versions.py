"""Try the lowest or the newest versions of libraries that ``pyproject.toml`` allows.

``versions.py lowest-direct`` takes the oldest Python that is supported and on this machine, ``versions.py highest``
each newer one, or that one where there is no other. Each pair gets an environment of its own below ``build/versions``,
and runs tests that reach every library: imports, the face, River, Redis, Kafka, the help, a worker with servers.

Ends with 1 where a test fails, or no versions fit together. Where an interpreter or the package index is missing, this
says so and goes on: a change must not fail for what the machine lacks.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = "calendar,catboost,dashboard,embedded,fast,formats,images,lightgbm,mlflow,models,mqtt,parquet,platform,report,routes,dev"
SELECTION = (
    "tests/test_imports.py",
    "tests/test_face.py",
    "tests/cli/test_config.py",
    "tests/cli/test_help.py",
    "tests/client/test_features.py",
    "tests/client/test_subscriber.py",
    "tests/core/river",
    "tests/events/test_sql.py",
    "tests/embedded",
    "tests/runtime/test_worker.py",
    "tests/security/test_decompression.py",
)
AWAY = ("error sending request", "dns error", "connection refused", "timed out", "network is unreachable")


def find(version: str) -> str | None:
    """Return an interpreter that can make a virtual environment: a name on the path may have nothing behind it."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [f"python{version}", *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))]
    for path in filter(None, map(shutil.which, candidates)):
        code = f"import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != tuple(map(int, '{version}'.split('.'))))"
        if subprocess.run([path, "-c", code], capture_output=True, check=False).returncode == 0:
            return path
    return None


def install(python: str, environment: Path, resolution: str) -> str:
    """Make an environment with the versions asked for; return why it cannot be made on this machine, or nothing."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        return "there is no uv: make venv installs it"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", python, environment], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", environment, "--resolution", resolution]
    done = subprocess.run(
        [*command, "--editable", f"{ROOT}[{EXTRAS}]"], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode and any(word in done.stderr.lower() for word in AWAY):
        return f"the package index cannot be reached: {done.stderr.strip().splitlines()[-1]}"
    if done.returncode:
        sys.exit(done.stderr)
    return ""


def run(version: str, python: str, resolution: str) -> bool:
    """Run the tests with one interpreter; return whether they passed or could not be tried."""
    environment = ROOT / "build" / "versions" / f"{resolution}-{version}"
    reason = install(python, environment, resolution)
    if reason:
        print(f"skipped: Python {version}, {resolution} versions: {reason}")
        return True
    own = environment / "bin" / "python"
    subprocess.run([own, "-m", "stream_app", "compile"], cwd=ROOT, check=True)
    command = [
        own,
        "-m",
        "pytest",
        "-n0",
        "--hypothesis-profile=quick",
        "-m",
        "not slow and not faults and not browser",
    ]
    done = subprocess.run(
        [*command, *SELECTION],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # Those of one interpreter at a time, though several run at once.
    print(f"Python {version}, {resolution} versions:\n{done.stdout}", flush=True)
    return done.returncode == 0


def main(resolution: str) -> bool:
    """Run the tests with each interpreter that this resolution is tried with."""
    found = {version: path for version in PYTHONS if (path := find(version))}
    for version in PYTHONS:
        if version not in found:
            print(f"skipped: Python {version} is not on this machine")
    oldest, *newer = found
    chosen = [oldest] if resolution == "lowest-direct" else newer or [oldest]
    with ThreadPoolExecutor() as pool:
        return all(list(pool.map(lambda version: run(version, found[version], resolution), chosen)))


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1]) else 1)
