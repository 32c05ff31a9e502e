"""MNIST as the image replay sends it: classifier, features, and copies at each level of corruption."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from producers.images.classifier import Model, model_for
from producers.images.corruptions import Corruptor
from producers.images.find import find_images
from producers.images.options import Corruption, ImageOptions
from stream_app.backtesting import InputRows
from stream_app.core.image_features import FEATURES, measure
from stream_app.events import Alert
from stream_app.monitors.sensors import SensorMonitor

__all__ = ["Digits", "begun", "features_of", "load"]

START = 1.7e9
PERIOD = 0.04  # as the image replay: 25 images a second


@dataclass(frozen=True, slots=True)
class Digits:
    """The test and the training images (n, 28, 28), the test labels as columns of the model's, and the model."""

    test: np.ndarray
    truth: np.ndarray
    training: np.ndarray
    model: Model

    def at(self, level: int, corruption: Corruption = "all") -> np.ndarray:
        """Return the test images at a level."""
        return Corruptor(seed=0, corruption=corruption).apply(self.test, 0, np.full(len(self.test), level))

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the features."""
        return (*FEATURES, *(f"pc{j + 1}" for j in range(len(self.model.embedding.axes))))


def load(folder: Path) -> Digits:
    """Read the four files, and load the classifier or train it."""
    found = find_images(str(folder), ImageOptions())
    begin = time.process_time()
    model = model_for(found.training, None, lambda note: print(f"  {note}", flush=True))
    print(f"classifier ready after {time.process_time() - begin:.0f} s of CPU time", flush=True)
    column = {label: code for code, label in enumerate(model.labels)}
    truth = np.array([column[label] for label in found.shown.labels.tolist()])
    return Digits(found.shown.pixels, truth, found.training.pixels, model)


def features_of(digits: Digits, images: np.ndarray) -> np.ndarray:
    """Return what the replay sends of each image, shape (n, 21)."""
    blocks = []
    for start in range(0, len(images), 512):
        part = images[start : start + 512]
        embedded = digits.model.embedding.transform(part.reshape(len(part), -1) / 255.0)
        blocks.append(np.hstack((measure(part), embedded)))
    return np.vstack(blocks)


def begun(
    monitor: SensorMonitor, channels: tuple[str, ...], values: np.ndarray, first: int = 0, batch: int = 500
) -> list[Alert]:
    """Give events to a monitor as a worker does; return the alerts that begin."""
    alerts: list[Alert] = []
    for start in range(0, len(values), batch):
        part = values[start : start + batch]
        ts = START + PERIOD * np.arange(first + start, first + start + len(part))
        rows = InputRows.of("camera-1", ts, channels, part)
        told = monitor.update(rows.readings(first + start)).alerts
        alerts += [alert for alert in told if alert.ended_at is None]
    return alerts
