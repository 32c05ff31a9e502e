"""What alerts of different faults say; the texts are kept in summaries.txt, to be read aloud."""

import json
from pathlib import Path

import numpy as np
import pytest
from monitors.predictions.test_prediction_monitor import CONFIG, eventful
from prediction_streams import feed
from sensor_runs import run

from stream_app.core.signals import Signal
from stream_app.events import ReadingDecoder, SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.monitors.summaries import summarise
from stream_app.settings import SensorStream

KEPT = Path(__file__).with_name("summaries.txt")
BEGIN = 1_700_000_000.0
WARM, ALL = 800, 1600
UNITS = {"flow": "l/min", "pressure": "bar"}


def healthy(rng):
    """A pump: the pressure follows the flow, and the two have noise of their own."""
    load = rng.normal(size=ALL)
    return np.c_[
        125.0 + 1.2 * load + rng.normal(0.0, 0.1, ALL), 4.0 + 0.05 * load + rng.normal(0.0, 0.005, ALL)
    ]


def level(values, rng):
    values[WARM:, 0] -= 63.7


def slow_leak(values, rng):
    values[WARM:, 0] -= 0.02 * np.arange(ALL - WARM)


def spread(values, rng):
    values[WARM:, 1] += rng.normal(0.0, 0.3, ALL - WARM)


def stuck(values, rng):
    values[WARM : WARM + 80, 1] = values[WARM, 1]


def apart(values, rng):
    values[WARM:, 1] = rng.permutation(values[WARM:, 1])


def out_of_range(values, rng):
    values[WARM : WARM + 20, 0] = -3.0


def missing(values, rng):
    values[WARM : WARM + 60 : 2, 1] = np.nan


def outage(values, rng):
    values[WARM : WARM + 60] = np.nan


def step(values, rng):
    values[WARM:, 1] += 0.4


FAULTS = (level, slow_leak, spread, stuck, apart, out_of_range, missing, outage, step)


def told():
    lines = []
    for fault in FAULTS:
        rng = np.random.default_rng(5)
        values = healthy(rng)
        fault(values, rng)
        stream = SensorStream(
            units=UNITS, channels={"flow": {"min": 0.0}, "pressure": {}}, budget="1 per day"
        )
        done = run(
            stream,
            [
                SensorRow("pump-1", BEGIN + i, dict(zip(UNITS, map(float, row), strict=True)))
                for i, row in enumerate(values)
            ],
        )
        lines += [f"{fault.__name__}: {a.summary}" for a in done.alerts if a.ended_at is None]
    return lines


def timed(times):
    return [SensorRow("pump-1", float(ts), {"flow": 125.0 + (i % 7) / 10.0}) for i, ts in enumerate(times)]


def told_of_times():
    every = BEGIN + np.arange(600.0)
    runs = {
        "silence": np.r_[every, every + 600.0 + 420.0],
        "burst": np.r_[every, BEGIN + 600.0 + np.arange(600.0) / 50.0],
        "clock": np.r_[every, every[:40] - 3600.0],
    }
    stream = SensorStream(units=UNITS, budget="1 per week")
    return [
        f"{name}: {alert.summary}"
        for name, times in runs.items()
        for alert in run(stream, timed(times)).alerts
        if alert.ended_at is None
    ]


def told_of_modes():
    rng = np.random.default_rng(1)
    modes = ["boost" if rng.random() < (0.2 if i < 1500 else 0.8) else "eco" for i in range(2400)]
    modes[1000] = "purge"
    raws = [
        json.dumps({"source": "pump-1", "ts": BEGIN + i, "values": {"mode": mode}}).encode()
        for i, mode in enumerate(modes)
    ]
    readings, _ = ReadingDecoder(("mode",)).decode(
        raws, [b"pump-1"] * len(raws), range(len(raws)), [BEGIN + i for i in range(len(raws))]
    )
    stream = SensorStream(categories=("mode",), budget="1 per 1000000 events", warmup=300)
    alerts = SensorMonitor(stream).update(readings).alerts
    return [f"modes: {alert.summary}" for alert in alerts if alert.ended_at is None]


def told_of_a_model():
    """Return the first text of each detector about a model that is worse for a while, slow, and fails."""
    texts = {}
    _, outcomes = feed(CONFIG, eventful())
    for alert in (alert for outcome in outcomes for alert in outcome.alerts):
        texts.setdefault(alert.detector, f"model: {alert.summary}")
    return list(texts.values())


def test_texts_are_those_that_are_kept():
    assert told() + told_of_times() + told_of_modes() + told_of_a_model() == KEPT.read_text().splitlines()


@pytest.mark.parametrize(
    "detector",
    ["anomaly", "mean_shift", "drift.level", "drift.scale", "drift.shape", "drift.correlation", "quality.range",
     "quality.stuck", "quality.silence", "quality.refused", "new_category", "category_shares", "adwin"],
)  # fmt: skip
def test_a_signal_without_figures_has_a_text(detector):
    signal = Signal(0, 0.0, "anomaly", detector, "*", 2.0, 1.0)
    assert summarise(signal)
