"""The predictions of a regression, with intervals and truths that come later: its errors grow, and alerts say so."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np

import stream_app as sg
from stream_app.settings import PredictionStream
from stream_app.testing import run_worker, send_events

EVENTS, CHANGE = 3000, 2000


def predictions() -> Iterator[dict[str, Any]]:
    """Give forecasts of a demand with intervals of 90 %, and what the demand was ten forecasts later."""
    rng = np.random.default_rng(5)
    demand = rng.uniform(200, 400, EVENTS).tolist()
    for i in range(EVENTS):
        forecast = demand[i] + float(rng.normal(0 if i < CHANGE else -10, 8))
        event = {"source": "demand", "ts": 1_770_000_000 + i, "id": f"hour-{i}"}
        yield event | {
            "prediction": round(forecast, 1),
            "quantiles": {"0.05": round(forecast - 13.2, 1), "0.95": round(forecast + 13.2, 1)},
        }
        if i >= 10:
            late = {"source": "demand", "ts": 1_770_000_000 + i, "id": f"hour-{i - 10}"}
            yield late | {"label": round(demand[i - 10], 1)}


async def main() -> None:
    """Print the alerts until the bias is told."""
    stream = PredictionStream(topic="forecasts", task="regression", budget="1 per week", baseline=500)
    async with run_worker({"forecasts": stream}) as settings:
        await send_events(settings, "forecasts", predictions(), key="source")
        async with sg.AlertSubscriber(settings.kafka, start="earliest", kinds={"performance"}) as alerts:
            async for alert in alerts:
                print(f"{alert.source}: {alert.state.value}, {alert.summary}")
                if alert.detector == "bias":
                    print(f"{alert.started_at - 1_770_000_000 - CHANGE:.0f} predictions after the change")
                    break


if __name__ == "__main__":
    asyncio.run(main())
