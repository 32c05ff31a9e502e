"""Models and events of two classes, and trainers of a user, good and bad."""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier

from stream_app.events import PredictionRow

FEATURES = ("a", "b")


def truth(values, turned):
    """The class of each row; what counts changes when the world turns."""
    return np.where(values[:, 1 if turned else 0] > 0.0, "high", "low")


def rows(n, seed=0, *, turned=False, start=0.0, right=None, source="shop", first=0):
    """Predictions of a model that knows the world before it turned, with their labels."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 2))
    labels = truth(values, turned)
    answers = truth(values, turned=False)
    if right is not None:
        answers = np.where(rng.random(n) < right, labels, np.where(labels == "high", "low", "high"))
    return [
        PredictionRow(
            source,
            start + i,
            f"{source}-{first + i}",
            prediction=str(answers[i]),
            label=str(labels[i]),
            features=dict(zip(FEATURES, values[i].tolist(), strict=True)),
        )
        for i in range(n)
    ]


class Odd:
    """A classifier whose answers are nonsense, in a way of one's choice."""

    classes_ = np.array(["high", "low"])

    def __init__(self, how):
        self.how = how

    def predict(self, values):
        if self.how == "raises":
            raise RuntimeError("no weights")
        if self.how == "shape":
            return np.array(["high"])
        return np.full(len(values), "sideways" if self.how == "classes" else "high")

    def predict_proba(self, values):
        shares = np.full((len(values), 2), 0.5)
        if self.how == "nan":
            shares[0] = np.nan
        if self.how == "sum":
            shares[0] = 0.9
        return shares[:, :1] if self.how == "width" else shares


def tree(values, labels, depth=3):
    return DecisionTreeClassifier(max_depth=depth, random_state=0).fit(values, labels)


def worse(values, labels):
    return DummyClassifier(strategy="most_frequent").fit(values, labels)


def raises(values, labels):
    raise RuntimeError("cannot reach the cluster")


def exits(values, labels):
    raise SystemExit(3)


def nothing(values, labels):
    return None


def unfitted(values, labels):
    return DecisionTreeClassifier()


def odd(values, labels, how="nan"):
    return Odd(how)
