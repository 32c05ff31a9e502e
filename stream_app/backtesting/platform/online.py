"""The online models over the same windows, one after the other as they come live."""

import numpy as np

from stream_app.backtesting.platform.clusterings import Answer, fence
from stream_app.backtesting.platform.rows import Rows
from stream_app.backtesting.platform.silhouette import NOISE
from stream_app.core.arrays import FloatArray
from stream_app.core.platform.online_models import UNKNOWN, make_online_models
from stream_app.errors import DataError

__all__ = ["SUPERVISED", "run_online"]

SUPERVISED = frozenset({"arf"})
"""Online models that learn from labels."""


def run_online(name: str, features: FloatArray, rows: Rows) -> Answer:
    """Judge all rows by what was learned from those before; labels are told of the earlier part alone.

    A clustering takes a row for an incident that is farther out than the `fence` of the earlier rows.

    Parameters
    ----------
    name : str
        See `ONLINE_MODELS`.
    features : ndarray
        The features as they are live, not scaled, of all rows given.
    rows : Rows
        Which of them are compared.

    Raises
    ------
    DataError
        If there is nothing to learn from.
    """
    if name in SUPERVISED and (rows.labels is None or not rows.labels[: rows.begin].any()):
        raise DataError(
            "no labels to learn from" + ("" if rows.labels is None else ": the earlier part has no incidents")
        )
    (model,) = make_online_models([name])
    said: list[tuple[str, float]] = []
    for at, place in enumerate(rows.places):
        known = rows.labels is not None and at < rows.begin
        said.append(
            model.update(
                features[place], bool(rows.labels[at]) if known and rows.labels is not None else None
            )
        )
    labels = np.array([label for label, _ in said])
    scores = np.array([score for _, score in said])
    numbers = {label: number for number, label in enumerate(sorted(set(labels.tolist()) - {UNKNOWN}))}
    clusters = np.array([numbers.get(label, NOISE) for label in labels.tolist()])
    if name in SUPERVISED:
        return Answer(clusters, labels == "incident")
    before = scores[: rows.begin]
    before = before[~np.isnan(before)]
    if not len(before):
        raise DataError("no cluster: the earlier part is too short, or no two of its windows are alike")
    return Answer(clusters, scores > fence(before))
