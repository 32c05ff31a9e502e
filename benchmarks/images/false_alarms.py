"""False alarms of a stream of images on clean ones, and what an image costs.

Usage: ``python benchmarks/images/false_alarms.py DATA_DIR`` (the folder that holds ``mnist/``).

MNIST's 60,000 training images in ten orders, through the monitor as a worker runs it with the defaults of a stream of
images and with a tenth and ten times of their budget; and as many rows of independent normal features.
"""

import sys
import time
from pathlib import Path

import numpy as np
from digits import Digits, begun, features_of, load

from producers.images.corruptions import Corruptor
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import ImageStream

ORDERS = 10
BUDGETS = {1_000: 2, 10_000: ORDERS, 100_000: 2}  # images for each false alarm allowed: orders
TIMED = 10_000


def false_alarms(name: str, values: np.ndarray, channels: tuple[str, ...]) -> None:
    for events, orders in BUDGETS.items():
        config = ImageStream(budget=f"1 per {events} events")
        alarms = [
            len(
                begun(
                    SensorMonitor(config),
                    channels,
                    values[np.random.default_rng(order).permutation(len(values))],
                    batch=2000,
                )
            )
            for order in range(orders)
        ]
        images = orders * len(values)
        allowed = images / events
        kept = "yes" if sum(alarms) <= allowed else "NO"
        print(
            f"{name:<22}{f'1 per {events:,}':>15}{images:>10,}{sum(alarms):>8}{allowed:>9.0f}  {kept}",
            flush=True,
        )


def cost(digits: Digits, values: np.ndarray) -> None:
    images = digits.training[:TIMED]
    config = ImageStream()
    steps = {
        "corruption": lambda: Corruptor(seed=0).apply(images, 0, np.full(len(images), 5)),
        "features and embedding": lambda: features_of(digits, images),
        "prediction": lambda: digits.model.probabilities(images),
        "monitor": lambda: begun(SensorMonitor(config), digits.channels, values[: len(images)]),
    }
    print(f"\n{'CPU time of one core':<24}{'µs an image':>12}{'images a second':>17}")
    for name, step in steps.items():
        begin = time.process_time()
        step()
        taken = (time.process_time() - begin) / len(images)
        print(f"{name:<24}{1e6 * taken:>12.1f}{1.0 / taken:>17,.0f}", flush=True)


def main(folder: Path) -> None:
    digits = load(folder)
    values = features_of(digits, digits.training)
    print(f"\n{'nothing changed':<22}{'budget':>15}{'images':>10}{'alarms':>8}{'allowed':>9}  kept")
    false_alarms("MNIST, training part", values, digits.channels)
    false_alarms("independent normal", np.random.default_rng(0).normal(size=values.shape), digits.channels)
    cost(digits, values)
    print(f"{time.process_time():.0f} s of CPU time")


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "mnist")
