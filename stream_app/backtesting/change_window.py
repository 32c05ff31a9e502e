"""How long after a true changepoint a detection counts as one of it."""

import re
from dataclasses import dataclass

from stream_app.errors import SettingsError
from stream_app.settings.durations import parse_duration

__all__ = ["ChangeWindow"]

_ROWS = re.compile(r"\s*(\d{1,9})\s*rows?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChangeWindow:
    """A length of time, or a number of rows at the usual distance of a source's own.

    Parameters
    ----------
    rows : int
        Counted where `length` is None. The default is the minute of the Skoltech Anomaly Benchmark, whose rows are a
        second apart.
    length : float or None
        Seconds.

    Examples
    --------
    >>> ChangeWindow.parse("60 rows").seconds(600.0), ChangeWindow.parse("5 min").seconds(600.0)
    (36000.0, 300.0)
    """

    rows: int = 60
    length: float | None = None

    @classmethod
    def parse(cls, text: str | None, option: str = "changepoint_window=") -> "ChangeWindow":
        """Read ``"60 rows"`` or a duration; None is the default.

        Raises
        ------
        SettingsError
            If it is neither, or nothing; the message begins with `option`.
        """
        if text is None:
            return cls()
        counted = _ROWS.fullmatch(text)
        try:
            found = cls(int(counted[1])) if counted else cls(length=parse_duration(text))
        except ValueError:
            raise SettingsError(f'{option}: {text!r} is neither like "60 rows" nor like "5 min"') from None
        if not (found.rows if found.length is None else found.length):
            raise SettingsError(f"{option}: {text!r} leaves no time for a detection")
        return found

    def seconds(self, period: float | None) -> float:
        """Return the window of a source whose rows are usually so many seconds apart; None where that is unknown."""
        return self.rows * (period or 0.0) if self.length is None else self.length
