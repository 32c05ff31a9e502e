"""Maintenance windows: times in which a route tells nothing."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from stream_app.settings.cron import Cron
from stream_app.settings.durations import Duration
from stream_app.settings.matching import Match

__all__ = ["MaintenanceWindow"]

_WEEK = 604_800.0


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name[:80]!r} is no time zone, like Europe/Berlin") from None
    return name


def _pattern(text: str) -> str:
    Cron.parse(text)
    return text


class MaintenanceWindow(Match):
    """A window of a route, `[[routes.NAME.maintenance]]`: either `cron` and `duration`, or `start` and `end`.

    Parameters
    ----------
    cron : str
        When it begins, again and again: minute, hour, day of month, month, day of week.
    duration : duration
        How long it lasts, a week at most.
    timezone : str
        Zone of the clock that `cron` speaks of.
    start, end : date and time
        When it begins and ends, once; with a zone, as in `2026-12-24T18:00:00+01:00`.
    """

    cron: Annotated[str, AfterValidator(_pattern)] | None = None
    duration: Annotated[Duration, Field(gt=0, le=_WEEK)] | None = None
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None

    @model_validator(mode="after")
    def _once_or_again(self) -> Self:
        again, once = (self.cron, self.duration), (self.start, self.end)
        if (None in again) == (None in once) or any(again) == any(once):
            raise ValueError("a window has either cron and duration, or start and end")
        if self.start and self.end and self.start >= self.end:
            raise ValueError("start must be before end")
        return self

    def is_open(self, at: float) -> bool:
        """Whether it is open at a time, in epoch seconds.

        Examples
        --------
        >>> window = MaintenanceWindow(cron="0 2 * * sun", duration="2h", timezone="Europe/Berlin")
        >>> [window.is_open(datetime(2026, 2, 1, hour, 30, tzinfo=UTC).timestamp()) for hour in (0, 1, 2, 3)]
        [False, True, True, False]
        """
        if self.cron is None or self.duration is None:
            when = datetime.fromtimestamp(at, UTC)
            return self.start is not None and self.end is not None and self.start <= when < self.end
        begun = _last_begin(self.cron, self.timezone, int(at // 60), int(self.duration // 60) + 1)
        return begun is not None and at < begun * 60 + self.duration


@lru_cache(maxsize=256)
def _last_begin(pattern: str, timezone: str, minute: int, back: int) -> int | None:
    """Return the last minute since the epoch that a pattern names, of those up to `minute`."""
    cron, zone = Cron.parse(pattern), ZoneInfo(timezone)
    now = datetime.fromtimestamp(minute * 60, UTC)
    for ago in range(back + 1):
        if cron.matches((now - timedelta(minutes=ago)).astimezone(zone)):
            return minute - ago
    return None
