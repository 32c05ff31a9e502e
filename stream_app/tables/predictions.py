"""Tables of predictions: usual names of columns, and predictions beside their truth, also where that has a row of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stream_app.errors import SourceError
from stream_app.labels import LEAST, apart, has_fraction
from stream_app.tables.cells import is_number
from stream_app.tables.format import FileFormat
from stream_app.tables.left_out import TOLERATED
from stream_app.tables.whole import read_whole

__all__ = [
    "ERROR_NAMES",
    "GROUPS",
    "ID_NAMES",
    "LATENCY_NAMES",
    "PREDICTION_NAMES",
    "PROBABILITY_PREFIXES",
    "SOURCE_NAMES",
    "TRUTH_NAMES",
    "VERSION_NAMES",
    "PredictedRows",
    "are_values",
    "check_comparable",
    "join_truth",
    "read_predicted",
]

PREDICTION_NAMES = frozenset({"prediction", "predicted", "y_pred"})
TRUTH_NAMES = frozenset({"label", "truth", "y_true", "target"})
PROBABILITY_PREFIXES = ("p_", "proba_", "prob_", "probability_", "y_proba_", "y_prob_", "y_pred_proba_")
"""Usual beginnings of the names of columns that hold a label's probability each."""
VERSION_NAMES = frozenset({"version", "model_version"})
ID_NAMES = frozenset({"id", "prediction_id", "event_id"})
LATENCY_NAMES = frozenset({"latency"})
ERROR_NAMES = frozenset({"error"})
SOURCE_NAMES = frozenset({"source", "model"})
GROUPS = ("features", "categories")
"""Columns of prediction events that hold an object each."""


def join_truth(
    ids: Sequence[str | None],
    predicted: Sequence[str | None],
    truth: Sequence[str | None],
    by: Sequence[str | None] | None = None,
) -> list[str | None]:
    """Give predictions the truth that stands in another row with the same id: one of its own, or one of another version.

    Parameters
    ----------
    ids, predicted, truth : sequence of str or None, length n
        None where a row has none.
    by : sequence of str or None, length n, optional
        Version that gave each answer; one takes the truth beside the answer of another to the same id.

    Returns
    -------
    list of str or None, length n
        The truth of each row.

    Examples
    --------
    >>> join_truth(["a", "b", "a"], ["cat", "dog", None], [None, "dog", "cow"])
    ['cow', 'dog', 'cow']
    >>> join_truth(["a", "a"], ["cat", "dog"], [None, "dog"], ["v1", "v2"])
    ['dog', 'dog']
    """
    late: dict[str, str] = {}
    beside: dict[str, dict[str, str]] = {}
    for ident, answer, label, version in zip(ids, predicted, truth, by or [None] * len(ids), strict=True):
        if ident is None or label is None:
            continue
        if answer is None:
            late[ident] = label
        elif version is not None:
            beside.setdefault(ident, {})[version] = label

    def of_others(ident: str, version: str | None) -> str | None:
        told = {label for other, label in beside.get(ident, {}).items() if other != version}
        # Ids that are not of one question each have several truths, of which none is this one's.
        return told.pop() if len(told) == 1 and version is not None else None

    return [
        label if label is not None or ident is None else late.get(ident) or of_others(ident, version)
        for ident, label, version in zip(ids, truth, by or [None] * len(ids), strict=True)
    ]


def are_values(predicted: Iterable[str | None], truth: Iterable[str | None], file: str) -> bool:
    """Whether predictions and truths are values: nearly all are numbers, and some have fractions.

    Parameters
    ----------
    predicted, truth : iterable of str or None
        As `stream_app.labels.label_text` gives them.
    file : str
        For messages.

    Raises
    ------
    SourceError
        If the predictions are scores from 0 to 1 and the truths 0 or 1: no threshold is known.

    Examples
    --------
    >>> are_values(["1.5", "2"], ["2", None], "a.csv"), are_values(["1", "2"], ["2", "1"], "a.csv")
    (True, False)
    >>> are_values(["0.87", "0.2"], ["1", "0"], "a.csv")
    Traceback (most recent call last):
    stream_app.errors.SourceError: a.csv: predictions are scores from 0 to 1 (0.2), and truths are 0 or 1: a score is no \
answer; give a column of answers, and scores as the probability p_1
    """
    answers, true = ({label for label in side if label is not None} for side in (predicted, truth))
    there = answers | true
    odd = sum(not is_number(label) for label in there)
    if not any(map(has_fraction, there)) or odd * TOLERATED > len(there):
        return False
    scores = [float(answer) for answer in answers if is_number(answer)]
    if true and true <= {"0", "1"} and all(0.0 <= score <= 1.0 for score in scores):
        raise SourceError(
            f"{file}: predictions are scores from 0 to 1 ({min(filter(has_fraction, answers))}), and truths are 0 or 1: a "
            "score is no answer; give a column of answers, and scores as the probability p_1"
        )
    return True


def check_comparable(predicted: Sequence[str | None], truth: Sequence[str | None], file: str) -> None:
    """See that predicted classes can be held against their truth.

    Parameters
    ----------
    predicted, truth : sequence of str or None, length n
    file : str
        For messages.

    Raises
    ------
    SourceError
        If no predicted label is among the true ones, or labels are values of a regression.
    """
    pairs = [pair for pair in zip(predicted, truth, strict=True) if None not in pair]
    answers, true = {str(answer) for answer, _ in pairs}, {str(label) for _, label in pairs}
    value = next((label for label in sorted(answers | true) if has_fraction(label)), None)
    if value is not None and are_values(answers, true, file):
        raise SourceError(
            f"{file}: {value} is a number with a fraction, so these are values of a regression and no classes; "
            "see 'streamgauge backtest --kind predictions --task regression'"
        )
    problem = apart(answers, true) if len(pairs) >= LEAST else None
    if problem is not None:
        raise SourceError(f"{file}: {problem}; write both sides alike")


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """Rows with a prediction, in the order of the files.

    Parameters
    ----------
    predicted : list of str
        What was answered.
    truth : list of str or None
        What is true, where it is known.
    by : list of str or None
        The column that was asked for: a group or a version.
    ids : list of str or None
        What was asked; None where rows have no id.
    left_out : int
        Rows without a prediction.
    notes : list of str
        Rows that were refused, by reason, with the first of each.
    problem : str or None
        Why nearly nothing was judged: more rows were refused than taken.
    """

    predicted: list[str]
    truth: list[str | None]
    by: list[str | None]
    ids: list[str | None]
    left_out: int
    notes: list[str]
    problem: str | None


def read_predicted(
    paths: Sequence[str],
    *,
    by: str | None,
    usual_by: Iterable[str] = (),
    by_option: str,
    share_truth: bool = False,
    prediction: str | None = None,
    label: str | None = None,
    said: FileFormat | None = None,
) -> PredictedRows:
    """Read files of predictions; a truth in a row of its own is joined by its id.

    Parameters
    ----------
    paths : sequence of str
        Files, directories or globs.
    by : str or None
        Column to read beside predictions, also inside the objects ``categories`` and ``features`` of prediction events.
    usual_by, by_option
        Its usual names, taken where `by` is None, and the option that names it.
    share_truth : bool
        Whether rows of one id that differ in `by` are answers to the same question, with one truth.
    prediction, label : str or None
        Their columns; those of the usual names where None.
    said : FileFormat, optional
        What the user says of how the files are written.

    Raises
    ------
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """
    rows = read_whole(paths, said, spread=GROUPS)
    predicted = rows.labels(rows.need(prediction, PREDICTION_NAMES, "--prediction-column", "the prediction"))
    truth = rows.labels(rows.need(label, TRUTH_NAMES, "--label-column", "the truth"))
    others = rows.texts(rows.need(by, usual_by, by_option, "what to compare by"))
    named = rows.find(None, ID_NAMES, "a single column for the id")
    ids = [None] * len(rows) if named is None else rows.texts(named)
    # Rows that bring only a truth are used, not left out.
    left_out = sum(answer is None and known is None for answer, known in zip(predicted, truth, strict=True))
    truth = join_truth(ids, predicted, truth, others if share_truth else None)
    check_comparable(predicted, truth, rows.files[0])
    kept = [
        (answer, known, other, ident)
        for answer, known, other, ident in zip(predicted, truth, others, ids, strict=True)
        if answer is not None
    ]
    if not kept:
        raise SourceError(f"{rows.files[0]}: {rows.problem or 'no row has a prediction'}")
    return PredictedRows(
        [answer for answer, *_ in kept],
        [known for _, known, *_ in kept],
        [other for *_, other, _ in kept],
        [ident for *_, ident in kept],
        left_out,
        rows.notes,
        rows.problem,
    )
