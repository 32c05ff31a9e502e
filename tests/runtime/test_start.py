"""A worker is back quickly after a crash: what it does every day needs no module that is slow to load."""

import json
import subprocess
import sys

import pytest

RARE = ("scipy.stats", "scipy.signal", "scipy.optimize", "river.drift", "sklearn", "polars", "matplotlib")

PROGRAM = f"""
import json, sys
import numpy as np
import stream_app.runtime.worker
from stream_app.kinds.predictions import check_stream
from stream_app.settings import PredictionStream, Settings
from stream_app.testing import readings, run_monitor

told = 0
for name, stream in Settings().streams.items():
    if isinstance(stream, PredictionStream):
        check_stream(name, stream)
        continue
    values = np.random.default_rng(1).normal(size=(2000, 3))
    values[1500:, 1] += 4.0
    told += len(run_monitor(readings(values, ["a", "b", "c"]), stream, batch=100).alerts)
print(json.dumps({{"told": told, "loaded": sorted(set({RARE!r}) & set(sys.modules))}}))
"""


@pytest.mark.slow
def test_a_start_with_the_usual_settings_and_days_of_sensors_load_nothing_rare():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    ended = json.loads(ran.stdout)
    assert ended["told"] > 0
    assert ended["loaded"] == []


SENSORS = """
import json, sys
import numpy as np
import stream_app.cli.worker, stream_app.runtime.worker
from stream_app.settings import SensorStream
from stream_app.testing import readings, run_monitor

run_monitor(readings(np.random.default_rng(1).normal(size=(1000, 3)), ["a", "b", "c"]), SensorStream())
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("slow", ["scipy.special", "producers", "stream_app.monitors.predictions"])
def test_a_worker_that_watches_sensors_does_not_wait_for_what_others_need(slow, modules_of_sensors):
    assert slow not in modules_of_sensors


@pytest.fixture(scope="module")
def modules_of_sensors():
    ran = subprocess.run(
        [sys.executable, "-c", SENSORS], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(ran.stdout)
