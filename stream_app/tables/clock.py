"""The event times of a table: how they are written, found from its first rows, and read into epoch seconds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.events import parse_event_time
from stream_app.events.sensor import MAX_TS
from stream_app.tables.cells import is_missing, is_number, mark_numbers
from stream_app.tables.format import AS_FOUND, FileFormat
from stream_app.tables.time_forms import DAY_FIRST, ISO, fitting_forms, is_clock, read_text
from stream_app.tables.time_numbers import NUMBERS, find_unit, scale_of

__all__ = ["Clock", "find_clock"]

FloatArray = npt.NDArray[np.float64]

_BACK = 300.0
"""Seconds that a clock goes back at least when an hour is repeated; readings come out of order by less."""

_EPOCH, _UTC_EPOCH = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)  # noqa: DTZ001 of local times

_COARSE = 1800.0
"""Seconds between readings from which on the repeated hour has one or two of them."""


@dataclass(slots=True)
class Clock:
    """Reads the times of one table, from its first row to its last.

    Parameters
    ----------
    form : str
        How they are written: a key of `NUMBERS`, `ISO`, or the words of ``strptime``.
    zone : ZoneInfo or None
        Of times without an offset; UTC if None.
    coarse : bool
        Whether rows are half an hour apart or more.
    descending : bool
        Whether the newest row is first.

    Examples
    --------
    >>> clock = Clock(ISO, ZoneInfo("Europe/Berlin"), coarse=True)
    >>> clock.times(["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"]) - 1729983600
    array([    0.,  3600.,  7200., 10800.])
    """

    form: str
    zone: ZoneInfo | None = None
    coarse: bool = False
    descending: bool = False
    _last: dict[Any, float] = field(default_factory=dict)

    def times(self, cells: Sequence[Any], sources: Sequence[Any] | None = None) -> FloatArray:
        """Read the next cells.

        Parameters
        ----------
        cells : sequence, length n
        sources : sequence, length n, optional
            Whose each row is: the hour that is repeated in autumn is told apart for each of them.

        Returns
        -------
        ndarray, shape (n,)
            Epoch seconds; NaN where a cell is no moment between 1970 and 2099.
        """
        whose = [None] * len(cells) if sources is None else sources
        if self.form in NUMBERS:
            out = self._numbers(cells, whose)
        else:
            out = self._seconds(self._moments(cells), whose)
        out[~((out >= 0.0) & (out < MAX_TS))] = np.nan
        return out

    def _numbers(self, cells: Sequence[Any], sources: Sequence[Any]) -> FloatArray:
        try:
            raw = np.array(list(map(float, cells)))
        except (TypeError, ValueError, OverflowError):
            if any(isinstance(cell, str) and not is_number(cell) for cell in cells):
                return self._mixed(cells, sources)
            raw, _ = mark_numbers(cells)
        times, local = scale_of(self.form, raw)
        if not local or self.zone is None:
            return times
        times[~((times >= 0.0) & (times < MAX_TS))] = np.nan
        moments = [None if np.isnan(one) else datetime.fromtimestamp(one, UTC) for one in times.tolist()]
        return self._seconds([one and one.replace(tzinfo=None) for one in moments], sources)

    def _mixed(self, cells: Sequence[Any], sources: Sequence[Any]) -> FloatArray:
        """Read numbers, and ISO texts among them, which can be nothing else."""
        numbers = [cell if is_number(cell) else None for cell in cells]
        texts = [None if is_number(cell) else cell for cell in cells]
        iso = Clock(ISO, self.zone).times(texts)
        return np.where(np.isnan(iso), self._numbers(numbers, sources), iso)

    def _moments(self, cells: Sequence[Any]) -> list[datetime | None]:
        if self.form == ISO:
            if all(type(cell) is datetime for cell in cells):
                return list(cells)
            try:
                # Nearly every column is texts of one form, and this reads them five times as fast as cell by cell.
                return list(map(datetime.fromisoformat, cells))
            except (TypeError, ValueError):
                pass
        return [self._moment(cell) for cell in cells]

    def _moment(self, cell: Any) -> datetime | None:  # noqa: PLR0911 a form of cells a line
        try:
            if isinstance(cell, datetime):
                return cell
            if isinstance(cell, date):
                return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 the zone comes later
            if isinstance(cell, bool) or not isinstance(cell, str | int | float):
                return None
            text = str(cell).strip()
            if self.form != ISO:
                return read_text(text, self.form)
            if is_number(text):
                return None
            try:
                return datetime.fromisoformat(text.upper())
            except ValueError:
                return datetime.fromtimestamp(parse_event_time(text), UTC)  # a leap second
        except (ValueError, OverflowError, re.error):  # the last of a form that says a part twice
            return None

    def _seconds(self, moments: Sequence[datetime | None], sources: Sequence[Any]) -> FloatArray:
        if self.zone is None:
            return np.array([np.nan if moment is None else _utc(moment) for moment in moments])
        return np.array([self._local(one, source) for one, source in zip(moments, sources, strict=True)])

    def _local(self, moment: datetime | None, source: Any) -> float:
        if moment is None:
            return np.nan
        if moment.tzinfo is not None:
            return moment.timestamp()
        local = moment.replace(tzinfo=self.zone)
        first, second = local.timestamp(), local.replace(fold=1).timestamp()
        last = self._last.get(source)
        found = first
        if second > first:
            # An hour of autumn that is there twice: rows are in the second one once the clock went back.
            if self.descending:
                found = first if last is not None and self._turned(second - last) else second
            elif last is not None and self._turned(last - first):
                found = second
        self._last[source] = found
        return found

    def _turned(self, back: float) -> bool:
        return back >= 0.0 and (self.coarse or back >= _BACK)


def _utc(moment: datetime) -> float:
    # As `datetime.timestamp` of one in UTC, without making one.
    return (moment - (_EPOCH if moment.tzinfo is None else _UTC_EPOCH)).total_seconds()


def find_clock(cells: Sequence[Any], column: str, table: str, said: FileFormat = AS_FOUND) -> Clock:
    """Find how the times of a table are written.

    Parameters
    ----------
    cells : sequence
        Of its first rows.
    column, table : str
        For messages.
    said : FileFormat
        What the user says of it.

    Raises
    ------
    SourceError
        If they are in no form that is known, or in more than one; names the option that tells.

    Examples
    --------
    >>> find_clock(["05/01/2024", "04/01/2024"], "day", "a.csv")
    Traceback (most recent call last):
    stream_app.errors.SourceError: a.csv: column 'day': '05/01/2024' could have the day or the month first; choose with --time-format %d/%m/%Y or --time-format %m/%d/%Y
    """
    zone = _zone(said.time_zone)
    filled = [cell for cell in cells if not is_missing(cell)]
    where = f"{table}: column {column!r}"
    form = said.time_format or _form(filled, where)
    if form in {ISO, "iso"}:
        form = ISO
    first = Clock(form).times(filled)
    read = first[~np.isnan(first)]
    if filled and not len(read):
        raise SourceError(
            f"{where}: {_shown(filled[0])} is no moment between 1970 and 2099"
            + (f" in the form {form}" if said.time_format else "")
        )
    steps = np.diff(read)
    steps = steps[steps != 0.0]
    period = float(np.median(np.abs(steps))) if len(steps) else 0.0
    return Clock(
        form, zone, coarse=period >= _COARSE, descending=bool(len(steps)) and float(np.mean(steps < 0)) > 0.5
    )


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SourceError(
            f"--time-zone {name}: no such zone; its IANA name is expected, like Europe/Berlin"
        ) from None


def _form(cells: Sequence[Any], where: str) -> str:
    """Find the form of cells that are not missing.

    Raises
    ------
    SourceError
        If there is none or more than one.
    """
    if not cells or isinstance(cells[0], date):
        return ISO
    numbers = [cell for cell in cells if is_number(cell) and not isinstance(cell, bool)]
    if 2 * len(numbers) >= len(cells):
        return find_unit(numbers, where)
    texts = [cell for cell in cells if isinstance(cell, str) and not is_number(cell)]
    forms = fitting_forms(texts[:100]) if texts else []
    if not forms and numbers:
        return find_unit(numbers, where)
    if not forms:
        if is_clock(cells[0]):
            raise SourceError(
                f"{where}: {_shown(cells[0])} is a time without a date; name both columns: --time-column DATE,TIME"
            )
        raise SourceError(
            f"{where}: {_shown(cells[0])} is no moment in a form that is known; say it with --time-format, "
            f'like --time-format "%d.%m.%Y %H:%M"'
        )
    day_first = [form for form in forms if any(form.startswith(one) for one in DAY_FIRST)]
    month_first = [form for form in forms if any(form.startswith(one) for one in DAY_FIRST.values())]
    if day_first and month_first:
        raise SourceError(
            f"{where}: {_shown(texts[0])} could have the day or the month first; choose with "
            f"--time-format {_quoted(day_first[0])} or --time-format {_quoted(month_first[0])}"
        )
    return forms[0]


def _quoted(form: str) -> str:
    return f'"{form}"' if " " in form else form


def _shown(cell: Any) -> str:
    return repr(str(cell)[:40])
