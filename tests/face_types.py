"""What a type checker says of the public face; it is checked, not run."""

from typing import Any, assert_type

import numpy as np
import polars as pl
from matplotlib.figure import Figure

import stream_app as sg
from stream_app import client


def everything() -> None:
    """Use every name."""
    frame = pl.DataFrame({"ts": [1.0], "flow": [2.0]})

    result = sg.backtest(frame, time="ts", source="pump", label="anomaly", budget="1 per day")
    assert_type(result, sg.BacktestResult[pl.DataFrame])
    assert_type(result.alerts, pl.DataFrame)
    assert_type(result.scores, pl.DataFrame)
    assert_type(result.figures, dict[str, Any])
    assert_type(result.plot(), Figure)
    assert_type(sg.backtest("plant.csv").alerts, dict[str, list[Any]])
    sg.backtest(3)  # type: ignore[call-overload]
    sg.backtest(frame, budgets="1 per day")  # type: ignore[call-overload]

    ts, values = np.arange(3.0), np.zeros((3, 1))

    drift = sg.DriftDetector(("flow",), sg.DriftConfig(warmup=400))
    assert_type(drift.update(ts, values).signals, list[sg.Signal])
    assert_type(drift.update_one(3.0, flow=1.2).drift, bool)
    assert_type(sg.DriftDetector.from_state(drift.state()), sg.DriftDetector)
    assert_type(sg.MultivariateDriftDetector(("a", "b")).update_one(0.0, a=1.0, b=None).statistic, float)
    drift.update_one(3.0, flow="high")  # type: ignore[arg-type]

    anomaly = sg.AnomalyDetector(("flow",), sg.AnomalyConfig(), rate=1e-4)
    assert_type(anomaly.update_one(0.0, flow=1.2).score, float)

    monitor = sg.Monitor(("flow",), budget="1 per day", stream=sg.SensorStream(warmup=300))
    assert_type(monitor.update(ts, values).alerts, list[sg.Alert])
    assert_type(monitor.update_one(3.0, flow=1.2).alerts, list[sg.Alert])
    assert_type(monitor.features, dict[str, float | None])

    assert_type(sg.load_settings(), sg.Settings)

    async def page() -> None:
        start: client.Start = "earliest"
        async with sg.AlertSubscriber("localhost:9092", start=start) as alerts:
            async for alert in alerts:
                assert_type(alert, client.Alert)
                assert_type(alert.severity, client.Severity)

    with client.FeatureClient(client.RedisSettings.model_validate({"url": "redis://localhost"})) as reader:
        found = reader.get_online_features(features=["purchases:spent_30m"], entities=["17850"])
        assert_type(found, client.OnlineFeatures)
        assert_type(found["17850", "purchases:spent_30m"].status, client.Freshness)

    try:
        sg.backtest(frame)
    except sg.StreamgaugeError as error:
        assert_type(str(error), str)

    str(sg.nothing)  # type: ignore[attr-defined]
    assert_type(sg.__version__, str)
