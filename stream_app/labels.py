"""Which spellings of a label are one label, wherever labels are read: events, files, settings and options."""

import re
from collections.abc import Collection
from functools import lru_cache

__all__ = ["LEAST", "apart", "has_fraction", "label_text"]

LEAST = 20
"""Labelled predictions from which on sets of labels that do not meet are no chance."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": "1", "false": "0"}
_EXACT = 2.0**53
_LONG = 19
"""Digits of a whole number that may not fit into 64 bits: decoders make it a float."""


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    short = text.strip().casefold()
    if _NUMBER.fullmatch(short):
        return _number(short)
    short = _BOOLEANS.get(short, short)
    # UCI's adult data end the labels of one file with a full stop: ">50K."
    short = short.removesuffix(".").rstrip() or short
    # Folding makes some letters two; what was short enough stays so.
    return short if 0 < len(short) <= len(text) else text


def _number(text: str) -> str:
    if len(text) < _LONG and text.lstrip("+-").isdigit():
        return str(int(text))
    value = float(text)
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def label_text(label: str | float) -> str:
    """Return a label as it is kept and compared.

    Numbers are equal by value; true is 1 and false is 0; blanks around a text, its case, and a full stop at its end do
    not count.

    Parameters
    ----------
    label : str, int, float or bool

    Examples
    --------
    >>> [label_text(label) for label in (1, "1.0", True, "True", 0.50)]
    ['1', '1', '1', '1', '0.5']
    >>> label_text(">50K."), label_text(" Yes")
    ('>50k', 'yes')
    """
    if isinstance(label, str):
        return _plain(label)
    return _plain(str(int(label)) if isinstance(label, int) else repr(label))


@lru_cache(maxsize=8192)
def has_fraction(label: str) -> bool:
    """Whether a label, as `label_text` gives it, is a number that is not whole: a value rather than a class.

    Examples
    --------
    >>> has_fraction("0.5"), has_fraction("7"), has_fraction("v1.5")
    (True, False, False)
    """
    if not _NUMBER.fullmatch(label):
        return False
    return not float(label).is_integer()


def apart(predicted: Collection[str], true: Collection[str]) -> str | None:
    """Say why predicted and true labels cannot be compared, if they cannot: two ways of writing the same classes.

    Parameters
    ----------
    predicted, true : collection of str
        Different labels of each side, as `label_text` gives them.

    Examples
    --------
    >>> apart({"cat", "dog"}, {"0", "1"})
    "no predicted label ('cat', 'dog') is among the true ones ('0', '1'): two ways of writing the same classes"
    >>> apart({"cat"}, {"cat", "dog"}) is None
    True
    """
    if not predicted or not true:
        return None
    signed = [side for side in (predicted, true) if "-1" in side and "0" not in side]
    counted = [side for side in (predicted, true) if "0" in side and "-1" not in side]
    if set(predicted) & set(true) and not (signed and counted):
        return None
    how = "only some predicted labels" if set(predicted) & set(true) else "no predicted label"
    verb = "are" if set(predicted) & set(true) else "is"
    return (
        f"{how} ({_some(predicted)}) {verb} among the true ones ({_some(true)}): "
        "two ways of writing the same classes"
    )


def _some(labels: Collection[str]) -> str:
    shown = [repr(label[:40]) for label in sorted(labels)[:5]]
    return ", ".join(shown) + (", …" if len(labels) > len(shown) else "")
