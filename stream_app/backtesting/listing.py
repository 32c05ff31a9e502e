"""Incidents of a backtest as rows of text, for a terminal, a page and a notebook alike."""

from collections.abc import Sequence
from datetime import UTC, datetime

from stream_app.backtesting.episodes import AlertEpisode
from stream_app.backtesting.incidents import IncidentEpisode
from stream_app.settings.durations import format_duration

__all__ = ["incident_rows", "instant"]

_VERDICTS = {None: "-", False: "true", True: "false"}
_MEMBER = "└ "


def instant(ts: float) -> str:
    """Return an event time as it stands in tables, UTC."""
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S")


def incident_rows(incidents: Sequence[IncidentEpisode], *, members: bool) -> list[tuple[str, ...]]:
    """Return a heading, and a row for each incident: beginning, length, source, kinds, severity, text.

    The beginning is a date, or the place of the row in a table that has no times. Where the truth is known of one, there
    is a column that says whether it is a false alarm.

    Parameters
    ----------
    incidents : sequence of IncidentEpisode
        What to list.
    members : bool
        Whether the alerts of an incident that has several stand below it.
    """
    judged = any(one.false is not None for one in incidents)
    began = "began (UTC)" if all(one.first.timed for one in incidents) else "began at"
    verdict = ("alarm",) if judged else ()
    rows: list[tuple[str, ...]] = [(began, "lasted", "source", "kind", "severity", *verdict, "what")]
    for one in incidents:
        more = len(one.alerts) - 1
        also = f" (+{more:,} alert{'s' * (more > 1)})" if more else ""
        rows.append(
            (
                _began(one.first),
                _lasted(one.seconds),
                one.incident.source,
                ", ".join(one.kinds),
                one.incident.severity.value,
                *([_VERDICTS[one.false]] if judged else []),
                one.incident.summary + also,
            )
        )
        if members and more:
            rows += [_member(alert, judged=judged) for alert in one.alerts]
    return rows


def _member(alert: AlertEpisode, *, judged: bool) -> tuple[str, ...]:
    return (
        _MEMBER + _began(alert),
        _lasted(alert.seconds),
        "",
        alert.began.kind,
        alert.severity,
        *([_VERDICTS[alert.false]] if judged else []),
        alert.began.summary,
    )


def _began(alert: AlertEpisode) -> str:
    return instant(alert.started_at) if alert.timed else alert.place


def _lasted(seconds: float | None) -> str:
    return "to the end" if seconds is None else format_duration(seconds)
