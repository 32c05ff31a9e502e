"""What each level of corruption does to MNIST, and when the monitor says so, beside a published table.

Usage: ``python benchmarks/images/levels.py DATA_DIR`` (the folder that holds ``mnist/``).

- *accuracy, F1*: of the replay's classifier on all test images at this level; F1 is the mean over the digits.
- *KS*: mean over the 784 pixels of the two-sample Kolmogorov-Smirnov statistic between clean and corrupted test images.
- *in drift*: features of which 500 corrupted images differ from 500 other, clean ones, by KS tests at 5 % together (Holm).
- *delay*: images from the first corrupted one to the first alert of the monitor as a worker runs it with the defaults of a
  stream of images, over ten shuffles with 1,000 to 5,500 clean images first; *early* counts alerts before.
- *estimate*: accuracy without labels, calibrated on 1,000 clean labelled test images, of the other 9,000; *true* is theirs.
"""

import sys
import time
from pathlib import Path

import numpy as np
from digits import Digits, begun, features_of, load
from sklearn.metrics import f1_score

from stream_app.core.correction import holm
from stream_app.core.performance import AccuracyEstimator
from stream_app.core.twosample import ks_test
from stream_app.core.twosample.reference import SortedSample
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import ImageStream, SensorStream

PUBLISHED_ACCURACY = (97.1, 84.3, 75.6, 71.2, 62.9, 61.5, 10.2, 10.3, 10.2, 10.3)
PUBLISHED_DRIFT = (0.0, 0.411, 0.412, 0.415, 0.451, 0.448, 0.842, 0.842, 0.842, 0.842)
WINDOW = 500
SHUFFLES = 10
AFTER = 500  # corrupted images in which an alert is awaited
CALIBRATION = 1000
CONFIG = ImageStream()
STRICT = ImageStream(budget="1 per day")
ALONE = (1, 3, 5, 9)


def pixel_ks(clean: np.ndarray, worse: np.ndarray) -> float:
    """Return the mean over pixels of the largest distance of the distribution functions of two sets of images."""
    levels = np.arange(256)
    distances = []
    for before, after in zip(clean.reshape(len(clean), -1).T, worse.reshape(len(worse), -1).T, strict=True):
        first, second = (np.searchsorted(np.sort(side), levels, side="right") for side in (before, after))
        distances.append(np.abs(first / len(before) - second / len(after)).max())
    return float(np.mean(distances))


def in_drift(clean: np.ndarray, worse: np.ndarray) -> int:
    """Count the features that differ between two windows."""
    tests = [ks_test(SortedSample(a), b).p_value for a, b in zip(clean.T, worse.T, strict=True)]
    return int((holm(tests) <= 0.05).sum())


class Delays:
    """The monitor after clean images, once a shuffle, ready for any level."""

    def __init__(self, digits: Digits, clean: np.ndarray, config: SensorStream = CONFIG) -> None:
        self._channels = digits.channels
        self._config = config
        self.early = 0
        self._ready = []
        for shuffle in range(SHUFFLES):
            order = np.random.default_rng(shuffle).permutation(len(clean))
            onset = 1000 + 500 * shuffle
            monitor = SensorMonitor(config)
            self.early += len(begun(monitor, self._channels, clean[order[:onset]]))
            self._ready.append((onset, order[onset : onset + AFTER], monitor.state("camera-1")))

    def of(self, values: np.ndarray) -> list[int | None]:
        """Return how many corrupted images each shuffle needed; None where there was no alert."""
        delays: list[int | None] = []
        for onset, rows, state in self._ready:
            monitor = SensorMonitor(self._config)
            monitor.restore("camera-1", state)
            alerts = begun(monitor, self._channels, values[rows], onset)
            delays.append(alerts[0].offset - onset + 1 if alerts else None)
        return delays


def told(delays: list[int | None]) -> str:
    """Say the median and the largest delay."""
    known = [AFTER if delay is None else delay for delay in delays]
    missed = sum(delay is None for delay in delays)
    return f"{np.median(known):.0f} ({max(known)})" + (f" {missed} missed" if missed else "")


def main(folder: Path) -> None:
    digits = load(folder)
    clean = features_of(digits, digits.test)
    delays = Delays(digits, clean)
    estimator = None
    print(
        f"\nClean before: {SHUFFLES} shuffles, {delays.early} early alerts; budget {CONFIG.budget}; reference {CONFIG.warmup}"
    )
    print(
        f"{'level':>5}{'accuracy':>10}{'publ.':>7}{'F1':>7}{'degr.':>7}{'KS':>7}{'publ.':>7}{'in drift':>10}"
        f"{'delay (max)':>14}{'estimate':>10}{'true':>7}{'off':>6}"
    )
    for level in range(len(PUBLISHED_ACCURACY)):
        images = digits.at(level)
        p = digits.model.probabilities(images)
        predicted = p.argmax(axis=1)
        right = predicted == digits.truth
        if estimator is None:
            first = slice(CALIBRATION)
            estimator = AccuracyEstimator.fit(p[first], predicted[first], digits.truth[first])
            best = 100.0 * right.mean()
        rest = slice(CALIBRATION, None)
        estimate = 100.0 * estimator.estimate(p[rest], predicted[rest]).accuracy
        accuracy, true = 100.0 * right.mean(), 100.0 * right[rest].mean()
        values = clean if level == 0 else features_of(digits, images)
        drifted = in_drift(clean[:WINDOW], values[WINDOW : 2 * WINDOW])
        print(
            f"{level:>5}{accuracy:>10.1f}{PUBLISHED_ACCURACY[level]:>7.1f}"
            f"{100.0 * f1_score(digits.truth, predicted, average='macro', zero_division=0.0):>7.1f}{best - accuracy:>7.1f}"
            f"{pixel_ks(digits.test, images):>7.3f}{PUBLISHED_DRIFT[level]:>7.3f}{f'{drifted} of {values.shape[1]}':>10}"
            f"{'-' if level == 0 else told(delays.of(values)):>14}{estimate:>10.1f}{true:>7.1f}{estimate - true:>+6.1f}",
            flush=True,
        )
    alone(digits, clean, delays)
    print(f"{time.process_time():.0f} s of CPU time")


def alone(digits: Digits, clean: np.ndarray, delays: Delays) -> None:
    """Print delays for one corruption at a time, and for all of them at a smaller budget."""
    strict = Delays(digits, clean, STRICT)
    print(f"\n{'delay (max) at level':<34}" + "".join(f"{level:>12}" for level in ALONE))
    for corruption in ("noise", "blur", "contrast"):
        found = [told(delays.of(features_of(digits, digits.at(level, corruption)))) for level in ALONE]
        print(f"{f'{corruption} alone':<34}" + "".join(f"{delay:>12}" for delay in found), flush=True)
    found = [told(strict.of(features_of(digits, digits.at(level)))) for level in ALONE]
    label = f"all, {STRICT.budget}, 25 images a second"
    print(f"{label:<34}" + "".join(f"{delay:>12}" for delay in found), f" ({strict.early} early)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "mnist")
