"""The predictions of a model, with labels that come later: its accuracy falls, and an alert says so."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np

import stream_app as sg
from stream_app.settings import PredictionStream
from stream_app.testing import run_worker, send_events

EVENTS, CHANGE = 3000, 2000


def predictions() -> Iterator[dict[str, Any]]:
    """Give predictions of two classes, and the label of each ten predictions later."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, EVENTS)
    for i in range(EVENTS):
        right = rng.random() < (0.9 if i < CHANGE else 0.7)
        predicted = labels[i] if right else 1 - labels[i]
        event = {"source": "churn", "ts": 1_770_000_000 + i, "id": f"case-{i}"}
        yield event | {
            "prediction": int(predicted),
            "probabilities": {str(predicted): 0.9, str(1 - predicted): 0.1},
        }
        if i >= 10:
            late = {"source": "churn", "ts": 1_770_000_000 + i, "id": f"case-{i - 10}"}
            yield late | {"label": int(labels[i - 10])}


async def main() -> None:
    """Print the alert about the accuracy."""
    stream = PredictionStream(topic="answers", budget="1 per week", baseline=500, window=500)
    async with run_worker({"answers": stream}) as settings:
        await send_events(settings, "answers", predictions(), key="source")
        async with sg.AlertSubscriber(settings.kafka, start="earliest", kinds={"performance"}) as alerts:
            async for alert in alerts:
                print(f"{alert.source}: {alert.state.value}, {alert.summary}")
                if alert.detector == "accuracy":
                    print(f"{alert.started_at - 1_770_000_000 - CHANGE:.0f} predictions after the change")
                    break


if __name__ == "__main__":
    asyncio.run(main())
