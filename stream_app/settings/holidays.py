"""Holidays: dates, and those of countries from the library `holidays`."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from stream_app.errors import MissingExtraError

__all__ = ["holiday_dates"]

_YEARS = range(1990, 2051)


def holiday_dates(names: Sequence[str]) -> tuple[str, ...]:
    """Return the dates of holidays, ascending.

    Parameters
    ----------
    names : sequence of str
        Dates, ``"2026-12-25"``, and countries, of ISO 3166, with or without a subdivision: ``"DE"``, ``"US-CA"``. The holidays of a
        country are those of the years 1990 to 2050.

    Raises
    ------
    MissingExtraError
        If a name is no date, and the library of countries is not installed.
    ValueError
        If a name is neither.

    Examples
    --------
    >>> holiday_dates(["2026-12-25", "2026-01-01"])
    ('2026-01-01', '2026-12-25')
    """
    dates = set[str]()
    for name in names:
        try:
            dates.add(date.fromisoformat(name).isoformat())
        except ValueError:
            dates |= _of_country(name)
    return tuple(sorted(dates))


@lru_cache(maxsize=16)
def _of_country(name: str) -> frozenset[str]:
    try:
        # Loaded when a country is named: few streams have one.
        from holidays import country_holidays  # noqa: PLC0415 as above
    except ImportError:
        raise MissingExtraError(
            f"{name!r} is no date like 2026-12-25; names of countries need", "holidays", "calendar"
        ) from None
    country, _, subdivision = name.partition("-")
    try:
        found = country_holidays(country, subdiv=subdivision or None, years=_YEARS)
    except (NotImplementedError, KeyError, ValueError) as error:
        raise ValueError(f"{name!r} is neither a date like 2026-12-25 nor a country: {error}") from None
    return frozenset(day.isoformat() for day in found)
