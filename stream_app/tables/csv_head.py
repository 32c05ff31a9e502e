"""The beginning of a CSV file: delimiter, titles and comments above the table, names of columns, and their units."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from stream_app.errors import SourceError
from stream_app.tables.cells import is_missing, is_number, is_word
from stream_app.tables.time_forms import is_date

__all__ = ["Head", "distinct", "find_delimiter", "find_head"]

DELIMITERS = (",", ";", "\t", "|")

_MEASURED = re.compile(r"[+-]?\d[\d.,' ]*\s?%?")

_SEPARATOR = re.compile(r"sep=([^\r\n])\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the rows of a CSV file.

    Parameters
    ----------
    delimiter : str
        A blank stands for any number of them.
    names : tuple of str
        Of the columns; those without a name, or with that of another one, have their number in it.
    first : int
        Lines before the first row.
    units : mapping of str to str
        Units by column, where a line says them.
    titles : int
        Lines above the names.
    named : bool
        Whether a line has the names.
    repeated : tuple of str
        Names that several columns have.
    """

    delimiter: str
    names: tuple[str, ...]
    first: int
    units: Mapping[str, str] = field(default_factory=dict)
    titles: int = 0
    named: bool = True
    repeated: tuple[str, ...] = ()


def find_head(
    lines: Sequence[str], file: str, delimiter: str | None = None, *, header: bool | None = None
) -> Head:
    """Look at the first lines of a file.

    Parameters
    ----------
    lines : sequence of str
        The first ones of the file.
    file : str
        For messages.
    delimiter : str or None
        Found if None.
    header : bool or None
        Whether a line has the names of the columns; found if None.

    Raises
    ------
    SourceError
        If no delimiter cuts the lines into cells, or two do, or the one that is said is no character.

    Examples
    --------
    >>> find_head(["Pump 7", "", "time;flow", ";l/min", "2024-01-05;31,9", "2024-01-06;32,0"], "a.csv")
    Head(delimiter=';', names=('time', 'flow'), first=4, units={'flow': 'l/min'}, titles=2, named=True, repeated=())
    """
    if delimiter is not None and (len(delimiter) != 1 or not (delimiter == "\t" or delimiter.isprintable())):
        raise SourceError(f"--delimiter {delimiter!r}: expected one character, or \\t for tabs")
    above = 0
    if lines and (said := _SEPARATOR.fullmatch(lines[0])):
        delimiter, above = delimiter or said[1], 1
    while above < len(lines) and _is_comment(lines, above):
        above += 1
    table = lines[above:]
    empty = SourceError(f"{file}: empty; a header line is expected")
    if not any(line.strip() for line in table):
        raise empty
    if delimiter is None:
        delimiter, titles = _find_below_titles(table, file, titled=header is not False)
        above += titles
    elif header is not False:
        above += _titles(table, delimiter) or 0
    rows = [row for row in rows_of(lines[above : above + 50], delimiter) if any(row)]
    if not rows:
        raise empty
    named = _is_header(rows) if header is None else header
    first = above + 1 if named else above
    names = [cell.strip() for cell in rows[0]] if named else [f"column {i + 1}" for i in range(len(rows[0]))]
    if named and names and names[0].startswith("#"):
        names[0] = names[0].lstrip("# ")
    units: dict[str, str] = {}
    if named and _has_units(rows):
        units = {
            name: unit.strip(" []()") for name, unit in zip(names, rows[1], strict=False) if unit.strip()
        }
        first += 1
    repeated = tuple(name for name, times in Counter(names).items() if name and times > 1)
    return Head(delimiter, distinct(names), first, units, above, named, repeated)


def rows_of(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Cut lines into cells."""
    return (line.split() for line in lines) if delimiter == " " else csv.reader(lines, delimiter=delimiter)


def find_delimiter(lines: Sequence[str], file: str) -> str:
    """Return the delimiter that cuts the header and the lines after it into the same number of cells.

    Raises
    ------
    SourceError
        When none does, or more than one.

    Examples
    --------
    >>> find_delimiter(["time;flow;level", "1;2,5;3,5"], "a.csv")
    ';'
    """
    sample = _sample(lines)
    fitting = [delimiter for delimiter in DELIMITERS if _fits(sample, delimiter)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise SourceError(f"{file}: {' and '.join(map(repr, fitting))} both fit; choose with --delimiter")
    # Ragged rows, say: the header alone may still leave no doubt, and the row with too few cells is named later.
    inside = [d for d in DELIMITERS if sample and d in sample[0]]
    if len(inside) == 1:
        return inside[0]
    if not inside and len(words := {len(line.split()) for line in sample}) == 1 and words.pop() > 1:
        return " "
    raise SourceError(
        f"{file}: found no delimiter among , ; tab | blanks in the header; say it with --delimiter"
    )


def _sample(lines: Sequence[str]) -> list[str]:
    """Return the lines that decide: the last one may be cut inside quotes."""
    return [line for line in (lines[:-1] if len(lines) > 2 else lines) if line.strip()]


def _fits(sample: Sequence[str], delimiter: str) -> bool:
    widths = _widths(sample, delimiter)
    return len(set(widths)) == 1 and widths[0] > 1


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """Return into how many cells a delimiter cuts each line; nothing where it leaves a cell that is too long to be one."""
    try:
        return [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return []


def _find_below_titles(lines: Sequence[str], file: str, *, titled: bool) -> tuple[str, int]:
    """Return the delimiter, and how many lines stand above the names of the columns."""
    try:
        found = find_delimiter(lines, file)
    except SourceError:
        fitting = _below(lines, (*DELIMITERS, " ")) if titled else []
        if len(fitting) != 1:
            raise
        return fitting[0]
    return found, (_titles(lines, found) or 0) if titled else 0


def _below(lines: Sequence[str], delimiters: Iterable[str]) -> list[tuple[str, int]]:
    return [(d, titles) for d in delimiters if (titles := _titles(lines, d))]


def _titles(lines: Sequence[str], delimiter: str) -> int | None:
    """Return how many lines with fewer cells stand above a line of names and the rows below it; None where there is no such."""
    widths = [0 if not line.strip() else len(next(rows_of([line], delimiter), [])) for line in _whole(lines)]
    table = [width for width in widths if width]
    if len(table) < 3:
        return None
    width = Counter(table).most_common(1)[0][0]
    first = next(i for i, one in enumerate(widths) if one == width)
    if width < 2 or not first or any(one not in {0, width} for one in widths[first:]):
        return None
    names = next(rows_of([lines[first]], delimiter))
    plain = all(not is_number(cell) and not is_date(cell) for cell in names if cell.strip())
    return first if plain and any(cell.strip() for cell in names) else None


def _whole(lines: Sequence[str]) -> Sequence[str]:
    return lines[:-1] if len(lines) > 3 else lines


def _is_comment(lines: Sequence[str], at: int) -> bool:
    """Whether a line is no part of the table: it begins with #, and it does not name the columns of the row below it."""
    line = lines[at].strip()
    if not line:
        return True
    if not line.startswith("#"):
        return False
    below = next((one for one in lines[at + 1 :] if one.strip()), None)
    if below is None or below.lstrip().startswith("#"):
        return True
    for delimiter in (*DELIMITERS, " "):
        cells = [next(rows_of([one.lstrip("# ")], delimiter), []) for one in (line, below)]
        if 1 < len(cells[0]) == len(cells[1]):
            # The names, unless those stand below.
            return not any(is_number(cell) and not is_missing(cell) for cell in cells[1])
    return True


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has names: no date, and not numbers where the second has numbers, but for 0, 1, 2 and so on."""
    first = rows[0]
    if any(is_date(cell) for cell in first):
        return False
    filled = [cell.strip() for cell in first if cell.strip()]
    if not filled or not all(is_number(cell) for cell in filled):
        return True
    return [str(i) for i in range(len(filled))] == filled or [
        str(i + 1) for i in range(len(filled))
    ] == filled


def _has_units(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the second row says units: texts throughout, above numbers."""
    if len(rows) < 3 or len(rows[1]) != len(rows[0]):
        return False
    units = [cell.strip() for cell in rows[1]]
    said = [i for i, unit in enumerate(units) if unit]
    if any(is_number(units[i]) or is_word(units[i]) or is_date(units[i]) or len(units[i]) > 24 for i in said):
        return False
    below = [row for row in rows[2:12] if len(row) == len(units)]
    under = [[row[i] for row in below if not is_word(row[i])] for i in said]
    measured = [bool(cells) and all(map(_is_measured, cells)) for cells in under]
    moments = [bool(cells) and all(map(is_date, cells)) for cells in under]
    return any(measured) and all(one or other for one, other in zip(measured, moments, strict=True))


def _is_measured(cell: str) -> bool:
    """Whether a cell is a number, however it is written."""
    return is_number(cell) or _MEASURED.fullmatch(cell.strip()) is not None


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Name each column apart from the others.

    Examples
    --------
    >>> distinct(["time", "flow", "flow", "flow#1", ""])
    ('time', 'flow#2', 'flow#3', 'flow#1', 'column 5')
    """
    times = Counter(names)
    taken = set(names)
    out = []
    for i, name in enumerate(names):
        if name and times[name] == 1:
            out.append(name)
            continue
        numbered = (
            (f"{name}#{number}" for number in count(1)) if name else (f"column {n}" for n in count(i + 1))
        )
        out.append(next(one for one in numbered if one not in taken))
        taken.add(out[-1])
    return tuple(out)
