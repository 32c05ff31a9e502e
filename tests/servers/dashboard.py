"""A dashboard in a process of its own, and how a browser is started to look at it."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from seeded import PATIENCE

from stream_app.embedded import free_port

__all__ = ["CHROMIUM", "QUIET", "ROOT", "Dashboard", "serving"]

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Dashboard(NamedTuple):
    """Where a dashboard is, and its process."""

    address: str
    pid: int


@contextmanager
def serving(folder, *options, **environment):
    """Run the dashboard of a folder with a monitor file."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app", "dashboard", "--port", str(port), *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    deadline = time.monotonic() + 3 * PATIENCE
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=PATIENCE).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Dashboard(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)
