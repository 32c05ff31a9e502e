"""What the columns of a table of readings mean: said by the user, else found where there is no doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_app.errors import SourceError
from stream_app.tables.cells import SWITCHES, is_missing, is_number, is_word
from stream_app.tables.columns import COMMAND_LINE, LABEL_NAMES, OptionNames, find_time, listed, require
from stream_app.tables.format import AS_FOUND, FileFormat

__all__ = ["Columns", "Layout", "find_layout"]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the user says about a table; what is left out is found out.

    Parameters
    ----------
    time : str or None
        Column with the event time. Left out: the one column called time, ts, timestamp, datetime, date, date_time
        or event_time, else the one column of dates.
    source : str or None
        Column with the source's name. Left out: the column called source, else the file's name.
    channels : tuple of str
        Columns to send. Left out: every numeric column that is nothing else.
    labels : tuple of str
        Ground-truth columns. Left out: those called anomaly, changepoint or label.
    format : FileFormat
        What the user says of how files are written.
    name : str or None
        Name of the source for all rows, in place of a column or the file's name.
    period : float or None
        Seconds between rows of a table that has no time column.
    option_names : OptionNames
        How messages name these options.
    """

    time: str | None = None
    source: str | None = None
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    format: FileFormat = AS_FOUND
    name: str | None = None
    period: float | None = None
    option_names: OptionNames = field(default=COMMAND_LINE, repr=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """What every column of one table means; `time` is None when rows are counted, `source` when one name holds.

    The cells of `switches`, which are channels, say true or false, on or off.
    """

    time: str | None
    source: str | None
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    switches: frozenset[str] = frozenset()


def find_layout(options: Columns, sample: Mapping[str, Sequence[Any]], file: str) -> Layout:
    """Settle the meaning of each column from the options and the first rows.

    Parameters
    ----------
    options : Columns
    sample : mapping of column to its first values
    file : str
        For messages.

    Raises
    ------
    SourceError
        When a named column is missing, or nothing or more than one thing fits.

    Examples
    --------
    >>> find_layout(Columns(), {"datetime": ["2020-03-09"], "flow": ["1"], "anomaly": ["0"]}, "a.csv")
    Layout(time='datetime', source=None, channels=('flow',), labels=('anomaly',), switches=frozenset())
    """
    _require(options, sample, file)
    time = options.time
    if time is None and options.period is None:
        time = find_time(
            sample, file, f", or count rows with {options.option_names.period}", options.option_names
        )
    source = options.source
    if source is None and options.name is None and "source" in sample and time != "source":
        source = "source"
    labels = options.labels or tuple(
        c for c in sample if c.casefold() in LABEL_NAMES and c not in {time, source, *options.channels}
    )
    taken = {time, source, *labels}
    switches = frozenset(c for c, cells in sample.items() if c not in taken and _says_on_or_off(cells))
    channels = options.channels or tuple(
        c for c, cells in sample.items() if c not in taken and (c in switches or _numeric(cells))
    )
    if not channels:
        raise SourceError(
            f"{file}: no numeric column to send; name them with {options.option_names.channels} (has: {listed(sample)})"
        )
    return Layout(time, source, channels, labels, switches.intersection(channels))


def _numeric(cells: Sequence[Any]) -> bool:
    """Whether the first cell that says something is a number; a column of words like ``Bad`` says nothing of numbers."""
    first = next((cell for cell in cells if not is_word(cell)), None)
    return is_number(first) and (first is not None or all(map(is_missing, cells)))


def _says_on_or_off(cells: Sequence[Any]) -> bool:
    said = {str(cell).strip().casefold() for cell in cells if not is_word(cell)}
    return bool(said) and said <= SWITCHES.keys()


def _require(options: Columns, sample: Mapping[str, Sequence[Any]], file: str) -> None:
    names = options.option_names
    by_option = {
        names.time: (options.time,),
        names.source: (options.source,),
        names.channels: options.channels,
        names.labels: options.labels,
    }
    require(by_option, sample, file)
    if options.period is not None and not options.period > 0.0:
        raise SourceError(f"{names.period} {options.period:g}: expected more than 0 seconds")
    if options.time is not None and options.period is not None:
        raise SourceError(
            f"{names.time} and {names.period} exclude each other: rows have a time or are counted"
        )
