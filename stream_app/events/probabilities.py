"""Probabilities of labels as models write them: rounded, in percent, under any spelling of a label."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from stream_app.labels import label_text

__all__ = ["PERCENT", "SUM_WITHIN", "read_probabilities", "whole_of"]

SUM_WITHIN = 1e-3
"""How far the sum of probabilities may be from one, however many decimals they have."""

PERCENT = 100.0
"""The sum of probabilities in percent."""

_COARSEST = 0.25
"""More than this share of the whole is not lost by rounding."""


def whole_of(probabilities: Mapping[str, float]) -> float | None:
    """Return what probabilities sum to but for rounding, 1 or 100; None where they do neither.

    Each of k numbers of d decimals is off by at most ``0.5 * 10**-d``, hence their sum by ``k * 0.5 * 10**-d``.

    Parameters
    ----------
    probabilities : mapping of str to float

    Examples
    --------
    >>> whole_of({"a": 0.33, "b": 0.33, "c": 0.33}), whole_of({"a": 33, "b": 33, "c": 33}), whole_of({"a": 0.5})
    (1.0, 100.0, None)
    """
    total = sum(probabilities.values())
    if abs(total - 1.0) <= SUM_WITHIN:
        return 1.0
    exponents = [Decimal(repr(float(p))).normalize().as_tuple().exponent for p in probabilities.values()]
    decimals = max(-int(exponent) for exponent in exponents)
    lost = len(probabilities) * 0.5 * 10.0**-decimals + 1e-9
    for whole in (1.0, PERCENT):
        # One-digit ones and zeros are marks, not rounded probabilities.
        within = min(lost, _COARSEST * whole) if whole > 1.0 or decimals > 0 else SUM_WITHIN
        if abs(total - whole) <= max(within, SUM_WITHIN * whole):
            return whole
    return None


def read_probabilities(predicted: str | None, given: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Return the probability of each label, by its text, in the order given; together they are 1.

    Parameters
    ----------
    predicted : str or None
        The predicted label, as `stream_app.labels.label_text` gives it.
    given : mapping of str to float
        From 0 on.

    Raises
    ------
    ValueError
        If they do not hang together.

    Examples
    --------
    >>> read_probabilities("1", {"True": 75, "False": 25})
    (('1', 0.75), ('0', 0.25))
    """
    if predicted is None:
        raise ValueError("probabilities belong to a prediction, and there is none")
    values: Iterable[float] = given.values()
    total = sum(values)
    if abs(total - 1.0) > SUM_WITHIN:
        if whole_of(given) is None:
            raise ValueError(f"they sum to {total:.6g}, not to 1")
        values = [p / total for p in values]
    labels = _texts(tuple(given))
    if predicted not in labels:
        raise ValueError(f"the predicted label {predicted[:80]!r} has none")
    return tuple(zip(labels, values, strict=True))


# A model names its labels in the same order nearly always.
@lru_cache(maxsize=32)
def _texts(named: tuple[str, ...]) -> tuple[str, ...]:
    labels = tuple(map(label_text, named))
    if len(set(labels)) < len(labels):
        raise ValueError("two spellings of one label are among them")
    return labels
