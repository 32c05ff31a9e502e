"""A worker is back quickly after a crash: what it does every day needs no module that is slow to load."""

import json
import subprocess
import sys

RARE = ("scipy.stats", "scipy.signal", "scipy.optimize", "river.drift", "sklearn", "polars", "matplotlib")

PROGRAM = f"""
import json, sys
import numpy as np
import stream_app.runtime.worker
from stream_app.runtime.configuration import monitor_config
from stream_app.runtime.prediction_configuration import prediction_config
from stream_app.settings import PredictionStream, Settings
from stream_app.testing import readings, run_monitor

told = 0
for name, stream in Settings().streams.items():
    if isinstance(stream, PredictionStream):
        prediction_config(name, stream)
        continue
    config = monitor_config(name, stream)
    values = np.random.default_rng(1).normal(size=(2000, 3))
    values[1500:, 1] += 4.0
    told += len(run_monitor(readings(values, ["a", "b", "c"]), config, batch=100).alerts)
print(json.dumps({{"told": told, "loaded": sorted(set({RARE!r}) & set(sys.modules))}}))
"""


def test_a_start_with_the_usual_settings_and_days_of_sensors_load_nothing_rare():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    ended = json.loads(ran.stdout)
    assert ended["told"] > 0
    assert ended["loaded"] == []
