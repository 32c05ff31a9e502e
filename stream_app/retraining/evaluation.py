"""Two models over the same labelled rows: their figures, and which is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.core.challenger import Comparison, Decision
from stream_app.events import PredictionRow
from stream_app.labels import label_text

__all__ = [
    "CHALLENGER_NAME",
    "CHAMPION_NAME",
    "Answers",
    "answers_of",
    "compared",
    "figures",
    "given_answers",
]

Shares: TypeAlias = npt.NDArray[np.float64]

CHAMPION_NAME, CHALLENGER_NAME = "champion", "challenger"


class Classifier(Protocol):
    """What answers: a registered model that was loaded."""

    @property
    def classes(self) -> Sequence[str]:
        """Labels, in the order of the probabilities."""

    def predict(self, rows: npt.ArrayLike) -> npt.NDArray[Any]:
        """Answer a label for each row."""

    def predict_proba(self, rows: npt.ArrayLike) -> Shares:
        """Give the probability of each class for each row."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model said of some rows.

    Parameters
    ----------
    labels : tuple of str or None
        None where it did not answer, which counts as wrong.
    classes : tuple of str
        Of the columns of `shares`.
    shares : ndarray (n, classes) or None
        Probabilities; None where the model gives none.
    """

    labels: tuple[str | None, ...]
    classes: tuple[str, ...] = ()
    shares: Shares | None = None


def answers_of(model: Classifier, values: npt.NDArray[np.float64]) -> Answers:
    """Ask a registered model.

    Raises
    ------
    UnusableModelError
        If it cannot answer, or answers nonsense.
    """
    labels = tuple(label_text(one) for one in model.predict(values).tolist())
    estimator = getattr(model, "estimator", model)
    shares = model.predict_proba(values) if hasattr(estimator, "predict_proba") else None
    return Answers(labels, tuple(model.classes), shares)


def given_answers(rows: Sequence[PredictionRow]) -> Answers:
    """Return the answers that stand in the events, with their probabilities where all have them.

    Examples
    --------
    >>> rows = [PredictionRow("m", 1.0, "a", prediction="x", probabilities=(("x", 0.9), ("y", 0.1)), label="y")]
    >>> answers = given_answers(rows)
    >>> answers.labels, answers.classes, answers.shares.tolist()
    (('x',), ('x', 'y'), [[0.9, 0.1]])
    """
    labels = tuple(row.prediction for row in rows)
    known = [dict(row.probabilities) for row in rows if row.probabilities]
    if not rows or len(known) < len(rows):
        return Answers(labels)
    classes = tuple(sorted({name for one in known for name in one}))
    return Answers(labels, classes, np.array([[one.get(name, 0.0) for name in classes] for one in known]))


def figures(truth: npt.NDArray[Any], answers: Answers) -> dict[str, float]:
    """Return accuracy, macro F1, and with probabilities the log loss and the area under the ROC curve.

    The area is that of the later class of two, or the mean of one class against the rest; it is left out where rows
    have one class only, and so is the log loss where a label is none of the model's classes.

    Examples
    --------
    >>> answers = Answers(("a", "b", "b"), ("a", "b"), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]))
    >>> {name: round(one, 3) for name, one in figures(np.array(["a", "a", "b"]), answers).items()}
    {'accuracy': 0.667, 'f1': 0.667, 'log_loss': 0.415, 'auc': 1.0}
    """
    metrics = import_module("sklearn.metrics")
    said = np.array([one if one is not None else "" for one in answers.labels], dtype=np.str_)
    known = sorted(set(truth.tolist()))
    found = {
        "accuracy": float(metrics.accuracy_score(truth, said)),
        "f1": float(metrics.f1_score(truth, said, average="macro", labels=known, zero_division=0.0)),
    }
    if answers.shares is None or not set(known) <= set(answers.classes):
        return found
    shares = answers.shares / answers.shares.sum(axis=1, keepdims=True)
    order = np.argsort(answers.classes)
    classes = [answers.classes[i] for i in order]
    found["log_loss"] = float(metrics.log_loss(truth, shares[:, order], labels=classes))
    areas = [
        float(metrics.roc_auc_score(truth == name, shares[:, answers.classes.index(name)]))
        for name in (known[1:] if len(classes) == 2 else known)
        if len(known) > 1
    ]
    if areas:
        found["auc"] = sum(areas) / len(areas)
    return found


def compared(
    truth: Sequence[str], champion: Answers, challenger: Answers, *, caring: float, minimum: int
) -> Decision:
    """Compare two models over the same rows, in pairs.

    Parameters
    ----------
    truth : sequence of str, length n
    champion, challenger : Answers
    caring, minimum
        As in `stream_app.core.challenger.Comparison`.
    """
    comparison = Comparison((CHAMPION_NAME, CHALLENGER_NAME), caring=caring, minimum=minimum)
    for i, (label, one, other) in enumerate(zip(truth, champion.labels, challenger.labels, strict=True)):
        comparison.update(CHAMPION_NAME, one == label, str(i))
        comparison.update(CHALLENGER_NAME, other == label, str(i))
    return comparison.decide()
