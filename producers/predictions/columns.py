"""Which column of a table means what in a prediction event: named by the user, or found where there is no doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.errors import SourceError
from stream_app.events.probabilities import PERCENT, whole_of
from stream_app.tables.cells import as_number, is_missing, is_number
from stream_app.tables.columns import find_time, listed, one_of, require
from stream_app.tables.format import AS_FOUND, FileFormat
from stream_app.tables.predictions import (
    ERROR_NAMES,
    ID_NAMES,
    LATENCY_NAMES,
    PREDICTION_NAMES,
    PROBABILITY_PREFIXES,
    SOURCE_NAMES,
    TRUTH_NAMES,
    VERSION_NAMES,
)

__all__ = ["PredictionColumns", "PredictionLayout", "find_prediction_layout"]

_GROUPS = ("probabilities", "quantiles", "features", "categories")
_QUANTILES = ("q_", "quantile_")
"""Beginnings of the names of columns with a quantile each, such as ``q_0.95``."""


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """What the user says about a table; what is left out is found out.

    Parameters
    ----------
    prediction, label, version, id, latency, time, source : str or None
        Columns. Left out: that of the usual name, where there is one; of `id`, else the row's number.
    probabilities : str
        Beginning of the names of columns that hold a label's probability each, such as ``p_`` of ``p_cat``. Left out:
        the usual one that is there, ``p_``, ``y_pred_proba_`` and the like. A column ``probabilities`` holds all of
        them, as an object of JSON.
    features : tuple of str
        Numbers to send. Left out: every numeric column that is nothing else, or those in ``features``.
    categories : tuple of str
        Texts to send. Left out: every column of texts that is nothing else, or those in ``categories``.
    format : FileFormat
        What the user says of how files are written.
    name : str or None
        Name of the model for all rows, in place of a column or the file's name.
    """

    prediction: str | None = None
    label: str | None = None
    version: str | None = None
    id: str | None = None
    latency: str | None = None
    time: str | None = None
    source: str | None = None
    probabilities: str | None = None
    features: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    format: FileFormat = AS_FOUND
    name: str | None = None

    @property
    def own(self) -> dict[str, object]:
        """Options that only predictions have, each with something false where it was not given."""
        return {
            "--prediction-column": self.prediction,
            "--version-column": self.version,
            "--latency-column": self.latency,
            "--probabilities": self.probabilities,
        }


@dataclass(frozen=True, slots=True)
class PredictionLayout:
    """What every column of one table means; `probabilities` are pairs of label and column, `quantiles` of level and column.

    `groups` are columns that hold an object each, and what it is of.
    """

    time: str
    source: str | None
    id: str | None
    prediction: str | None
    label: str | None
    version: str | None
    latency: str | None
    error: str | None
    probabilities: tuple[tuple[str, str], ...]
    quantiles: tuple[tuple[str, str], ...]
    features: tuple[str, ...]
    categories: tuple[str, ...]
    groups: tuple[str, ...]


def find_prediction_layout(
    options: PredictionColumns, sample: Mapping[str, Sequence[Any]], file: str
) -> PredictionLayout:
    """Settle the meaning of each column from the options and the first rows.

    Parameters
    ----------
    options : PredictionColumns
    sample : mapping of column to its first values
    file : str
        For messages.

    Raises
    ------
    SourceError
        When a named column is missing, nothing or more than one thing fits, or there is neither prediction nor label.

    Examples
    --------
    >>> layout = find_prediction_layout(
    ...     PredictionColumns(),
    ...     {"date": ["2011-12-09"], "y_pred": ["a"], "p_a": ["0.9"], "age": ["31"], "site": ["north"]}, "a.csv",
    ... )
    >>> layout.prediction, layout.probabilities, layout.features, layout.categories
    ('y_pred', (('a', 'p_a'),), ('age',), ('site',))
    """
    _require(options, sample, file)
    if options.format.long is not None:
        raise SourceError(f"{file}: --long belongs to readings of sensors")

    def find(named: str | None, usual: frozenset[str], what: str, option: str) -> str | None:
        return named or one_of(usual, sample, file, what, option)

    prediction = find(options.prediction, PREDICTION_NAMES, "the prediction", "--prediction-column")
    label = find(options.label, TRUTH_NAMES, "the truth", "--label-column")
    error = one_of(ERROR_NAMES, sample, file, "the error", "another name for one")
    if prediction is None and label is None:
        raise SourceError(
            f"{file}: no column looks like the prediction or the truth; name them with --prediction-column and "
            f"--label-column (has: {listed(sample)})"
        )
    version = find(options.version, VERSION_NAMES, "the version", "--version-column")
    ident = find(options.id, ID_NAMES, "the id", "--id-column")
    latency = find(options.latency, LATENCY_NAMES, "the latency", "--latency-column")
    source = options.source
    if source is None and options.name is None:
        source = one_of(SOURCE_NAMES, sample, file, "the model", "--source-column")
    time = options.time or find_time(sample, file)
    probabilities = _probabilities(options.probabilities, sample)
    if options.probabilities and not probabilities:
        raise SourceError(
            f"{file}: --probabilities: no column of shares or percents begins with {options.probabilities!r}; "
            f"the table has {listed(sample)}"
        )
    quantiles = tuple((level, name) for name in sample if (level := _level(name)) is not None)
    groups = tuple(group for group in _GROUPS if group in sample)
    taken = {prediction, label, error, version, ident, latency, source, time, *groups}
    taken |= {*options.categories, *(column for _, column in (*probabilities, *quantiles))}
    rest = {name: cells for name, cells in sample.items() if name not in taken}
    features = options.features or tuple(name for name, cells in rest.items() if _first(cells, numeric=True))
    categories = options.categories or tuple(
        name for name, cells in rest.items() if name not in features and _first(cells, numeric=False)
    )
    if "features" in groups and not options.features:
        features = ()
    if "categories" in groups and not options.categories:
        categories = ()
    return PredictionLayout(
        time,
        source,
        ident,
        prediction,
        label,
        version,
        latency,
        error,
        probabilities,
        quantiles,
        features,
        categories,
        groups,
    )


def _require(options: PredictionColumns, sample: Mapping[str, Sequence[Any]], file: str) -> None:
    by_option = {
        "--prediction-column": (options.prediction,),
        "--label-column": (options.label,),
        "--version-column": (options.version,),
        "--id-column": (options.id,),
        "--latency-column": (options.latency,),
        "--time-column": (options.time,),
        "--source-column": (options.source,),
        "--channels": options.features,
        "--attributes": options.categories,
    }
    require(by_option, sample, file)


def _probabilities(named: str | None, sample: Mapping[str, Sequence[Any]]) -> tuple[tuple[str, str], ...]:
    """Return the label and the column of each probability, by the beginning that was named, else by the first usual one."""
    if named is None:
        found = (_probabilities(prefix, sample) for prefix in PROBABILITY_PREFIXES)
        return next(filter(None, found), ())
    columns = [name for name in sample if named and name.startswith(named) and len(name) > len(named)]
    shares = [name for name in columns if _within(sample[name], 1.0)]
    if not shares and all(_within(sample[name], PERCENT) for name in columns):
        rows = zip(*(sample[name] for name in columns), strict=True)
        if all(_in_percent(row) for row in rows):
            shares = columns
    return tuple((column.removeprefix(named), column) for column in shares)


def _level(name: str) -> str | None:
    """Return the level of a column of quantiles."""
    text = next((name.removeprefix(prefix) for prefix in _QUANTILES if name.startswith(prefix)), "")
    return text if text and is_number(text) and 0.0 < float(text) < 1.0 else None


def _within(cells: Sequence[Any], most: float) -> bool:
    """Whether all cells lie between 0 and the most: a column p_in may hold pressures."""
    return all(is_missing(cell) or (is_number(cell) and 0.0 <= as_number(cell) <= most) for cell in cells)


def _in_percent(row: Sequence[Any]) -> bool:
    there = {str(i): as_number(cell) for i, cell in enumerate(row) if not is_missing(cell)}
    return not there or whole_of(there) == PERCENT


def _first(cells: Sequence[Any], *, numeric: bool) -> bool:
    """Whether a column begins with a number, or with a text."""
    first = next((cell for cell in cells if not is_missing(cell)), None)
    if first is None or isinstance(first, dict | list):
        return False
    return is_number(first) is numeric and (numeric or isinstance(first, str))
