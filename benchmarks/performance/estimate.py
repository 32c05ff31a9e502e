"""Accuracy without labels beside the truth: a random forest on digits that are noisy, blurred, pale or dark.

python benchmarks/performance/estimate.py DIR    (the folder with mnist/)
"""

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from producers.images.find import find_images
from producers.images.options import ImageOptions
from stream_app.core.performance import AccuracyEstimator

RUNS = 8
TRAINING, SHOWN = 25_000, 3000
ROWS = 1000


def corruptions(images: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    x = images.astype(float)
    found = {"none": x}
    found |= {f"noise {s}": np.clip(x + rng.normal(0, s, x.shape), 0, 255) for s in (20, 60, 100, 160)}
    found |= {f"blur {s}": ndimage.gaussian_filter(x, (0, s, s)) for s in (0.7, 1.0, 1.3, 2.0, 3.0)}
    found |= {f"contrast {c}": 128 + (x - 128) * c for c in (0.7, 0.4, 0.1)}
    found |= {f"light {c}": x * c for c in (0.5, 0.2, 0.1)}
    return found


def main(folder: str) -> None:
    found = find_images(str(Path(folder) / "mnist"), ImageOptions())
    train, test = found.training, found.shown
    forest = RandomForestClassifier(100, random_state=0)
    forest.fit(train.pixels[:TRAINING].reshape(TRAINING, -1), train.labels[:TRAINING])
    column = {label: code for code, label in enumerate(forest.classes_.tolist())}
    truth = np.array([column[label] for label in test.labels.tolist()])
    begin = test.pixels[SHOWN : 2 * SHOWN].reshape(SHOWN, -1)
    calibrating = forest.predict_proba(begin), truth[SHOWN : 2 * SHOWN]
    rng = np.random.default_rng(0)
    print(f"{'':14}{'accuracy':>9}{'estimate off':>14}{'largest':>9}{'confidence alone off':>22}")
    for name, images in corruptions(test.pixels[:SHOWN]).items():
        p, true = forest.predict_proba(images.reshape(SHOWN, -1)), truth[:SHOWN]
        figures = []
        for _ in range(RUNS):
            rows = rng.permutation(SHOWN)[:ROWS]
            first, known = calibrating[0][rows], calibrating[1][rows]
            estimator = AccuracyEstimator.fit(first, first.argmax(axis=1), known)
            rows = rng.permutation(SHOWN)[:ROWS]
            predicted = p[rows].argmax(axis=1)
            accuracy = float((predicted == true[rows]).mean())
            estimate = estimator.estimate(p[rows], predicted)
            figures.append((accuracy, estimate.accuracy - accuracy, estimate.by_confidence - accuracy))
        accuracy, off, alone = 100.0 * np.mean(figures, axis=0)
        largest = 100.0 * np.abs(np.array(figures)[:, 1]).max()
        print(f"{name:14}{accuracy:>9.1f}{off:>+14.1f}{largest:>9.1f}{alone:>+22.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
