"""A loop of River: a model learns online, and is renewed when its loss drifts."""

import math
from collections.abc import Iterator
from typing import Any

from river import linear_model, metrics, preprocessing
from river.datasets import synth

import stream_app as sg

EVENTS, CHANGE = 8000, 4000


def events() -> Iterator[tuple[int, dict[str, float], bool]]:
    """Give events whose labels mean the opposite from `CHANGE` on."""
    for i, (x, y) in enumerate(synth.SEA(seed=1).take(EVENTS)):
        yield i, x, y if i < CHANGE else not y


def fresh_model() -> Any:
    """Make the model."""
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def main() -> None:
    """Compare a model that is renewed with one that goes on learning."""
    drift = sg.DriftDetector(("loss",), sg.DriftConfig(false_alarm_rate=1e-5, warmup=1000))
    model, steady = fresh_model(), fresh_model()
    renewed, unchanged = metrics.Accuracy(), metrics.Accuracy()
    for i, x, y in events():
        probability = model.predict_proba_one(x).get(y, 0.5)
        renewed.update(y, model.predict_one(x))
        unchanged.update(y, steady.predict_one(x))
        model.learn_one(x, y)
        steady.learn_one(x, y)
        # Event time is whatever counts here: the events themselves.
        verdict = drift.update_one(i, loss=-math.log(max(probability, 1e-6)))
        for signal in verdict.signals:
            figures = dict(signal.context)
            print(
                f"event {i}: {signal.detector}, loss {figures['mean_before']:.2f} to {figures['mean_after']:.2f}"
            )
            model = fresh_model()
    print(f"renewed: {renewed}, unchanged: {unchanged}")


if __name__ == "__main__":
    main()
