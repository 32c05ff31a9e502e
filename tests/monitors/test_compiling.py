"""What is compiled ahead is all that a delivery needs."""

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from stream_app.core.kernel_cache import when_compiling
from stream_app.events import SensorRow
from stream_app.events.readings import ReadingDecoder, Readings
from stream_app.monitors.sensors import SensorMonitor, draws, process
from stream_app.monitors.sensors import bank as sources
from stream_app.monitors.sensors.compiling import compile_kernels
from stream_app.settings import ImageStream, SensorStream


def kernels():
    parts = (sources, process, draws)
    return [one for part in parts for one in vars(part).values() if isinstance(one, Dispatcher)]


def deliveries():
    decoder = ReadingDecoder()
    raws = [b'{"source": "a%d", "ts": %d, "values": {"x": 1, "y": %d}}' % (i % 3, i, i) for i in range(9)]
    decoded, _ = decoder.decode(raws, [None] * 9, list(range(9)), [float(i) for i in range(9)])
    yield decoded
    yield decoded.at(np.array([1, 4]))
    yield Readings.of(
        [SensorRow("a1", 20.0, {"x": 1.0, "z": None}), SensorRow("b", 20.0, {"x": 1.0}, id="7")]
    )
    yield Readings.of([SensorRow("a1", 21.0, {"x": 1.0}), SensorRow("a1", 22.0, {"z": 1.0, "y": 2.0})])
    yield Readings.of([SensorRow("a1", 1e8, {"x": 1.0})])


@pytest.mark.parametrize(
    "config",
    [
        SensorStream(),
        SensorStream(channels=("x", "y"), window=5.0),
        ImageStream(),
    ],
)
def test_no_delivery_needs_more_than_is_compiled_ahead(config):
    compile_kernels()
    before = [list(one.signatures) for one in kernels()]
    assert any(before)
    monitor = SensorMonitor(config)
    for delivery in deliveries():
        monitor.take(delivery)
        monitor.features_of(monitor.sources())
        for source in monitor.sources():
            monitor.restore(source, monitor.state(source))
    assert [list(one.signatures) for one in kernels()] == before


def test_one_is_told_before_kernels_are_compiled_and_not_where_they_are(monkeypatch):
    compile_kernels()
    told = []
    when_compiling(lambda: told.append(True))
    compile_kernels()
    assert told == []
