"""Every example runs, in a directory of its own, and says what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SAYS = {
    "frame_in_a_notebook.py": [
        "<BacktestResult: 3 sources; 10,800 events",
        "pump-2",
        "delay of the first alert: ",
    ],
    "monitor_in_a_loop.py": [
        "firing: anomaly",
        "resolved: anomaly",
        "2,400 events",
        "mean flow of the last minute: ",
    ],
    "river_loop.py": ["drift.", "renewed: Accuracy: 97."],
}


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_example(name, tmp_path):
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert [text for text in SAYS[name] if text not in ran.stdout] == [], ran.stdout
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
