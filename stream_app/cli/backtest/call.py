"""What a call of ``streamgauge backtest`` asks for, whatever the stream is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from producers.predictions import PredictionColumns
from stream_app.errors import SettingsError
from stream_app.settings import Settings
from stream_app.tables import Columns

__all__ = ["Call", "refuse"]


@dataclass(frozen=True, slots=True)
class Call:
    """The options of one call.

    Parameters
    ----------
    paths : tuple of str
        Files, directories and globs.
    columns : Columns
        Meaning of their columns, but for the truth, for readings.
    predictions : PredictionColumns
        Meaning of their columns, for predictions.
    label, changepoint : str or None
        Columns with the truth.
    window : str or None
        How long after a true changepoint a detection counts; the default where nothing is said.
    sort : bool
        Whether rows are sorted by time.
    warmup : int or None
        First rows of a source, which are learned from.
    budget : str or None
        False alarms allowed; those of the stream where nothing is said.
    reference : Path or None
        A file of normal operation; that of the stream where none is named.
    label_delay : float
        Seconds from a prediction to its label.
    task : str or None
        Whether answers are classes or values; found out if None.
    versions : tuple of str
        Versions of a model to compare.
    events, alerts, report : Path or None
        Where rows per event, a table of alerts and a report go.
    models : bool
        Whether models of a platform's windows are compared.
    register : str or None
        Name under which the classifiers of a platform are registered.
    settings : Settings or None
        Where the registry and the store are.
    as_json, quiet : bool
        How much is printed, and how.
    """

    paths: tuple[str, ...]
    columns: Columns
    predictions: PredictionColumns
    label: str | None = None
    changepoint: str | None = None
    window: str | None = None
    sort: bool = False
    warmup: int | None = None
    budget: str | None = None
    reference: Path | None = None
    label_delay: float = 0.0
    task: str | None = None
    versions: tuple[str, ...] = ()
    events: Path | None = None
    alerts: Path | None = None
    report: Path | None = None
    models: bool = False
    register: str | None = None
    settings: Settings | None = None
    as_json: bool = False
    quiet: bool = False


def refuse(options: Mapping[str, object], reasons: Mapping[str, str]) -> None:
    """Refuse options that make no sense for a stream.

    Parameters
    ----------
    options : mapping of option to its value
        One that was not given has a value that is false or None.
    reasons : mapping of option to str
        Why each makes none, and what to do instead.

    Raises
    ------
    SettingsError
        At the first that was given.

    Examples
    --------
    >>> refuse({"--warmup": 300}, {"--warmup": "a model has none"})
    Traceback (most recent call last):
    stream_app.errors.SettingsError: --warmup: a model has none
    """
    for option, value in options.items():
        if value is not None and value is not False and value != ():
            raise SettingsError(f"{option}: {reasons[option]}")
