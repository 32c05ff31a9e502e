"""Which column of a table means what: said by the user, or found out; never guessed when two would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from producers.sources.cells import is_missing, is_number, is_time
from stream_app.errors import SourceError

__all__ = ["Columns", "Layout", "OptionNames", "find_layout", "find_time", "listed", "require"]

TIME_NAMES = frozenset({"time", "ts", "timestamp", "datetime", "date", "date_time", "event_time"})
LABEL_NAMES = frozenset({"anomaly", "changepoint", "label"})
COUNTED = ", or count rows with --period"


@dataclass(frozen=True, slots=True)
class OptionNames:
    """What messages call the options that say what columns mean; those of the command line by default."""

    time: str = "--time-column"
    source: str = "--source-column"
    channels: str = "--channels"
    labels: str = "--label-column"
    changepoint: str = "--changepoint-column"
    period: str = "--period"


COMMAND_LINE = OptionNames()


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
    delimiter : str or None
        Between the cells of a CSV file. Left out: found in its first lines.
    name : str or None
        Name of the source for all rows, in place of a column or the file's name.
    period : float or None
        Seconds between rows of a table that has no time column.
    options : OptionNames
        How messages name these options.
    """

    time: str | None = None
    source: str | None = None
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    delimiter: str | None = None
    name: str | None = None
    period: float | None = None
    options: OptionNames = field(default=COMMAND_LINE, repr=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """What every column of one table means; `time` is None when rows are counted, `source` when one name holds."""

    time: str | None
    source: str | None
    channels: tuple[str, ...]
    labels: tuple[str, ...]


def find_layout(said: Columns, sample: Mapping[str, Sequence[Any]], file: str) -> Layout:
    """Settle the meaning of each column from what was said and the first rows.

    Parameters
    ----------
    said : Columns
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
    Layout(time='datetime', source=None, channels=('flow',), labels=('anomaly',))
    """
    _require(said, sample, file)
    time = said.time
    if time is None and said.period is None:
        time = find_time(sample, file, f", or count rows with {said.options.period}", said.options)
    source = said.source
    if source is None and said.name is None and "source" in sample and time != "source":
        source = "source"
    labels = said.labels or tuple(
        c for c in sample if c.casefold() in LABEL_NAMES and c not in {time, source, *said.channels}
    )
    taken = {time, source, *labels}
    channels = said.channels or tuple(c for c, cells in sample.items() if c not in taken and _numeric(cells))
    if not channels:
        raise SourceError(
            f"{file}: no numeric column to send; name them with {said.options.channels} (has: {listed(sample)})"
        )
    return Layout(time, source, channels, labels)


def _numeric(cells: Sequence[Any]) -> bool:
    """Whether a column begins with a number; text further down is an error then, and not another kind of column."""
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return is_number(first)


def _require(said: Columns, sample: Mapping[str, Sequence[Any]], file: str) -> None:
    names = said.options
    options = {
        names.time: (said.time,),
        names.source: (said.source,),
        names.channels: said.channels,
        names.labels: said.labels,
    }
    require(options, sample, file)
    if said.period is not None and not said.period > 0.0:
        raise SourceError(f"{names.period} {said.period:g}: expected more than 0 seconds")
    if said.time is not None and said.period is not None:
        raise SourceError(
            f"{names.time} and {names.period} exclude each other: rows have a time or are counted"
        )


def find_time(
    sample: Mapping[str, Sequence[Any]],
    file: str,
    otherwise: str = "",
    options: OptionNames = COMMAND_LINE,
) -> str:
    """Return the one column that can be the event time.

    Parameters
    ----------
    sample : mapping of column to its first values
    file : str
        For messages.
    otherwise : str
        What else the user can do, for messages.
    options : OptionNames
        For messages.

    Raises
    ------
    SourceError
        When there is none, or more than one.
    """
    by_name = [c for c in sample if c.strip().casefold() in TIME_NAMES]
    found = by_name or [c for c, cells in sample.items() if cells and all(_is_date(cell) for cell in cells)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SourceError(f"{file}: {listed(found)} could each be the event time; choose with {options.time}")
    raise SourceError(
        f"{file}: no column looks like the event time (has: {listed(sample)}); "
        f"name it with {options.time}{otherwise}"
    )


def _is_date(cell: Any) -> bool:
    """Whether a cell is a moment and no number, which could be anything."""
    return isinstance(cell, date) or (isinstance(cell, str) and not is_number(cell) and is_time(cell))


def require(
    options: Mapping[str, Sequence[str | None]], sample: Mapping[str, Sequence[Any]], file: str
) -> None:
    """See that every column is there that an option names; None names none.

    Raises
    ------
    SourceError
        At the first that is missing.
    """
    for option, names in options.items():
        for name in names:
            if name is not None and name not in sample:
                raise SourceError(f"{file}: {option}: no column {name!r}; the table has {listed(sample)}")


def listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    """Return names for a message; of many, the first."""
    shown = [repr(name) for name in list(names)[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")
