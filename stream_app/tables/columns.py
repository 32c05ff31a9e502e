"""Which column of a table means what: found by its usual names and first cells; never guessed when two would do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from stream_app.errors import SourceError
from stream_app.tables.cells import is_missing, is_number
from stream_app.tables.time_forms import is_date

__all__ = [
    "COMMAND_LINE",
    "COUNTED",
    "LABEL_NAMES",
    "TIME_NAMES",
    "OptionNames",
    "begins_with_number",
    "check_known",
    "find_time",
    "listed",
    "nearest",
    "one_of",
    "require",
]

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
    warmup: str = "--warmup"
    reference: str = "--reference"
    sort: str = "--sort sorts them"


COMMAND_LINE = OptionNames()


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
    found = by_name or [c for c, cells in sample.items() if _are_dates(cells)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SourceError(f"{file}: {listed(found)} could each be the event time; choose with {options.time}")
    raise SourceError(
        f"{file}: no column looks like the event time (has: {listed(sample)}); "
        f"name it with {options.time}{otherwise}"
    )


def _are_dates(cells: Sequence[Any]) -> bool:
    """Whether the first cells are moments and no numbers, which could be anything."""
    first = [cell for cell in cells if not is_missing(cell)][:5]
    return bool(first) and all(map(is_date, first))


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
                there = listed(nearest(name, sample))
                raise SourceError(f"{file}: {option}: no column {name!r}; the table has {there}")


def listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    """Return names for a message; of many, the first."""
    shown = [repr(name) for name in list(names)[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")


def nearest(name: str, there: Iterable[str]) -> list[str]:
    """Return names, those that are most like one of another spelling first.

    Examples
    --------
    >>> nearest("Preasure", ["flow", "level", "pressure"])
    ['pressure', 'flow', 'level']
    """
    rest = list(dict.fromkeys(there))
    folded = {one.casefold(): one for one in reversed(rest)}
    close = [folded[one] for one in get_close_matches(name.casefold(), folded, n=3)]
    return [*close, *(one for one in rest if one not in close)]


def check_known(option: str, named: Iterable[str], known: Iterable[str | None], what: str) -> None:
    """See that everything is in the data that the user named.

    Parameters
    ----------
    option : str
        For messages: the option that names it.
    named : iterable of str
    known : iterable of str or None
        What the data have; None is passed over.
    what : str
        For messages: what it is, in the singular.

    Raises
    ------
    SourceError
        At the first that is not; names those there are.

    Examples
    --------
    >>> check_known("--reference", ["nord"], ["east", None, "north"], "group")
    Traceback (most recent call last):
    stream_app.errors.SourceError: --reference: no group 'nord'; there is 'north', 'east'
    """
    there = {name for name in known if name is not None}
    for name in named:
        if name not in there:
            raise SourceError(
                f"{option}: no {what} {name!r}; there is {listed(nearest(name, sorted(there))) or 'none'}"
            )


def one_of(
    names: frozenset[str], sample: Mapping[str, Sequence[Any]], file: str, what: str, option: str
) -> str | None:
    """Return the one column that is called by one of some names, if there is one.

    Raises
    ------
    SourceError
        If there are several.
    """
    found = [column for column in sample if column.strip().casefold() in names]
    if len(found) > 1:
        raise SourceError(f"{file}: {listed(found)} could each be {what}; choose with {option}")
    return found[0] if found else None


def begins_with_number(cells: Sequence[Any]) -> bool:
    """Whether the first cell that is not missing is a number; text further down is an error then."""
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return first is not None and is_number(first)
