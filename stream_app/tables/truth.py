"""Which rows a column of truth calls anomalies: 0 and 1, words, or scikit-learn's 1 and -1."""

from collections.abc import Iterable, Sequence

from stream_app.labels import label_text
from stream_app.tables.cells import Label

__all__ = ["ODD_TRUTH", "is_marked", "marks_outliers"]

_TRUE = frozenset({"1", "yes", "y", "t", "on", "anomaly", "anomalous", "abnormal", "outlier"})
_FALSE = frozenset({"0", "no", "n", "f", "off", "normal", "inlier"})
_OUTLIER = "-1"

ODD_TRUTH = "neither 0 nor 1, true nor false; a score needs a threshold first"
"""What is said of a cell of truth that says neither yes nor no."""


def marks_outliers(columns: Iterable[Sequence[Label]]) -> bool:
    """Whether -1 marks an anomaly and 1 a normal row, as scikit-learn's detectors have it.

    The first cell that is -1, or says no in another way, decides; a column of nothing but 1 has anomalies only.

    Parameters
    ----------
    columns : iterable of sequence
        Cells of the column, piece by piece; no more are read than decide.

    Examples
    --------
    >>> marks_outliers([[1, 1], [1, -1]]), marks_outliers([[0, 1]]), marks_outliers([[1]])
    (True, False, False)
    """
    for cells in columns:
        for cell in dict.fromkeys(cells):
            text = None if cell is None else label_text(cell)
            if text == _OUTLIER:
                return True
            if text in _FALSE:
                return False
    return False


def is_marked(cell: Label, *, outliers: bool = False) -> bool | None:
    """Return what a cell of truth says; a missing one says no, and None is for what says neither.

    Parameters
    ----------
    cell : str, float, bool or None
    outliers : bool
        Whether -1 marks an anomaly and 1 a normal row.

    Examples
    --------
    >>> is_marked(1), is_marked("Normal"), is_marked(1, outliers=True), is_marked(-1, outliers=True), is_marked(0.87)
    (True, False, False, True, None)
    """
    text = "" if cell is None else label_text(cell).strip()
    if not text:
        return False
    if outliers and text in {"1", _OUTLIER}:
        return text == _OUTLIER
    return True if text in _TRUE else False if text in _FALSE and not (outliers and text == "0") else None
