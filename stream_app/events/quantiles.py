"""Quantiles that a model predicts beside its value."""

from collections.abc import Mapping

__all__ = ["MAX_QUANTILES", "read_quantiles"]

MAX_QUANTILES = 32
"""Most quantiles of one prediction: they wait in the worker's memory until the truth comes."""


def read_quantiles(given: Mapping[str, float]) -> tuple[tuple[float, float], ...]:
    """Return level and value of each quantile, by level.

    Parameters
    ----------
    given : mapping of str to float
        Value of each level, which is written as a number between 0 and 1.

    Raises
    ------
    ValueError
        If a level is none, is there twice, or has a value below that of a lower one.

    Examples
    --------
    >>> read_quantiles({"0.9": 14.0, "0.1": 9.5})
    ((0.1, 9.5), (0.9, 14.0))
    """
    read = []
    for text, value in given.items():
        try:
            level = float(text)
        except ValueError:
            level = 0.0
        if not 0.0 < level < 1.0:
            raise ValueError(f"the level {text[:40]!r} is no number between 0 and 1")
        read.append((level, value))
    read.sort()
    if len(dict(read)) < len(read):
        raise ValueError("a level is there twice")
    values = [value for _, value in read]
    if values != sorted(values):
        raise ValueError("the value of a level is below that of a lower one")
    return tuple(read)
