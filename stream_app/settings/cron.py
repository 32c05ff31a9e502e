"""Times by a pattern of five fields, as cron has it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

__all__ = ["Cron"]

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
_NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}


@dataclass(frozen=True, slots=True)
class Cron:
    """A pattern: minute, hour, day of month, month, day of week (0 and 7 are Sunday).

    A field is ``*``, a number, a range ``1-5``, each with a step ``*/15``, or a list of these; months and days of the week may
    be names of three letters. Where both days are given, either is enough.

    Parameters
    ----------
    fields : tuple of frozenset of int
        The values that each field takes.
    any_day, any_weekday : bool
        Whether a field of days is ``*``.

    Examples
    --------
    >>> sunday = Cron.parse("0 2 * * sun")
    >>> sunday.matches(datetime(2026, 2, 1, 2, 0)), sunday.matches(datetime(2026, 2, 2, 2, 0))
    (True, False)
    """

    fields: tuple[frozenset[int], ...]
    any_day: bool
    any_weekday: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern.

        Raises
        ------
        ValueError
            If it is none; names the field.
        """
        words = text.lower().split()
        if len(words) != len(_FIELDS):
            raise ValueError(
                f'{text[:80]!r} is no pattern of cron: five fields are needed, like "0 2 * * sun" for Sundays at two'
            )
        fields = [_values(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
        fields[4] = frozenset(day % 7 for day in fields[4])
        return cls(tuple(fields), any_day=words[2] == "*", any_weekday=words[4] == "*")

    def matches(self, at: datetime) -> bool:
        """Whether it names a minute of a clock."""
        minutes, hours, days, months, weekdays = self.fields
        if at.minute not in minutes or at.hour not in hours or at.month not in months:
            return False
        day, weekday = at.day in days, at.isoweekday() % 7 in weekdays
        if self.any_day or self.any_weekday:
            return day and weekday
        return day or weekday


def _values(text: str, field: str, first: int, last: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        begin = first if low == "*" else _number(low, field)
        end = last if low == "*" or (slash and not dash) else begin
        end = _number(high, field) if dash else end
        every = _number(step, field) if slash else 1
        if not first <= begin <= end <= last or every < 1:
            raise ValueError(f"{field}: {part[:80]!r} is not within {first} to {last}")
        found.update(range(begin, end + 1, every))
    return frozenset(found)


def _number(text: str, field: str) -> int:
    names = _NAMES.get(field, ())
    if text in names:
        return names.index(text) + (field == "month")
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise ValueError(f"{field}: {text[:80]!r} is no number")
    return int(text)
