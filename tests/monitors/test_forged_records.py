"""Whatever bytes a stored record has, kernels stay within their arrays."""

import os
import subprocess
import sys

import pytest

# Bounds are checked only in kernels that are compiled so, and these must not lie beside the usual ones.
FORGE = """
import numpy as np
from stream_app.events import SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.testing import readings, run_monitor
from stream_app.settings import ImageStream, SensorStream

draw = np.random.default_rng(5)
events = readings(draw.normal(size=(1600, 3)), ["a", "b", "c"])
later = [SensorRow("pump-1", 4.0e9 + i, event.values) for i, event in enumerate(events[1500:1600])]
kinds = [(SensorStream(warmup=100), (80, 600, 1500)), (ImageStream(warmup=200), (80, 150, 300, 900))]
states = [
    (config, run_monitor(events[:taught], config).monitor.state("pump-1")) for config, ages in kinds for taught in ages
]
for n in range(600):
    config, state = states[n % len(states)]
    record = bytearray(state["record"])
    first = int(draw.integers(len(record)))
    last = min(first + 1 + int(draw.integers((8, 64, 2000, len(record))[n % 4])), len(record))
    fill = (None, 0, 0x7F, 0x80, 0xFF)[n % 5]
    size = last - first
    record[first:last] = draw.bytes(size) if fill is None else bytes([fill]) * size
    monitor = SensorMonitor(config)
    monitor.restore("pump-1", state | {"record": bytes(record)})
    run_monitor(later, config, monitor=monitor)
    monitor.features("pump-1")
"""


@pytest.mark.slow
def test_forged_records_never_lead_out_of_an_array(tmp_path):
    env = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORGE], check=False, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
