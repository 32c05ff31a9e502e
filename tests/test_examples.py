"""Every example runs, in a directory of its own, and says what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SAYS = {
    "anomaly_baseline.py": [
        "weak slices of anomalies: 1",
        "Volume Flow RateRMS of a minute > ",
        "valve-anomalies 1, loaded again, gives the same figures",
        "LightGBM",
        "Streamgauge",
    ],
    "faust_batches.py": ["the share of shipping changed from 0.100 to 0.1", "4,000 orders"],
    "forecast_errors.py": [
        "demand: firing, values are too low: mean error -",
        "predictions after the change",
    ],
    "frame_in_a_notebook.py": [
        "<BacktestResult: 3 sources; 10,800 events",
        "pump-2",
        "delay of the first alert: ",
    ],
    "live_features.py": [
        "ada: spent 20.0, orders 3.0",
        "ben: spent ",
        "eve: spent None, orders None, missing",
    ],
    "model_predictions.py": ["churn: firing, accuracy ", "predictions after the change"],
    "monitor_in_a_loop.py": [
        "firing: flow 3",
        "resolved: flow 3",
        "2,400 events",
        "mean flow of the last minute: ",
    ],
    "own_detector.py": [
        "detector Ewma: 0 of 11 checks failed",
        "firing, distribution of flow changed, found by ewma",
    ],
    "own_source.py": ["3000 events sent", "compressor-2: firing, "],
    "river_loop.py": ["drift.", "renewed: Accuracy: 97."],
    "subscribe_to_alerts.py": ["pump-1: firing, ", "pump-1: resolved, ", "it lasted "],
}
DATA = {"anomaly_baseline.py": ROOT.parent / "shared" / "data" / "skab" / "valve1"}
PICTURES = {"frame_in_a_notebook.py": ["pump-2.png"]}


def run(script, place, *path, arguments=()):
    found = os.pathsep.join(map(str, (*path, ROOT)))
    ran = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=place, env={**os.environ, "PYTHONPATH": found}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.shared_data] if name in DATA else []) for name in SAYS]
)
def test_example(name, tmp_path):
    if name in DATA and not DATA[name].is_dir():
        pytest.skip(f"{name} needs {DATA[name]}")
    said = run(EXAMPLES / name, tmp_path)
    assert [text for text in SAYS[name] if text not in said] == [], said
    assert [path.name for path in tmp_path.iterdir()] == PICTURES.get(name, [])
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())


@pytest.mark.slow
def test_an_example_without_its_data_says_so(tmp_path):
    assert "skipped: no experiments in " in run(
        EXAMPLES / "anomaly_baseline.py", tmp_path, arguments=["nowhere"]
    )


@pytest.mark.slow
def test_a_kind_of_ones_own_is_a_package_with_an_entry_point(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=EXAMPLES / "own_kind", check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    # Python imports from a wheel, and finds its entry points, as if it were installed.
    said = run(EXAMPLES / "own_kind" / "run.py", tmp_path, wheel)
    assert "kinds: sensors, images, predictions, sessions, platform, meters" in said
    assert "hall, m-17: firing, " in said
