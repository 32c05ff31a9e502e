"""Alerts of a backtest as rows of text, for a terminal, a page and a notebook alike."""

from collections.abc import Sequence
from datetime import UTC, datetime

from stream_app.backtesting.episodes import AlertEpisode
from stream_app.settings.durations import format_duration

__all__ = ["alert_rows", "instant"]

_VERDICTS = {None: "-", False: "true", True: "false"}


def instant(ts: float) -> str:
    """Return an event time as it stands in tables, UTC."""
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S")


def alert_rows(episodes: Sequence[AlertEpisode]) -> list[tuple[str, ...]]:
    """Return a heading, and a row for each alert: beginning, length, source, kind, severity, text.

    The beginning is a date, or the place of the row in a table that has no times. Where the truth is known of one, there
    is a column that says whether it is a false alarm.
    """
    judged = any(episode.false is not None for episode in episodes)
    began = "began (UTC)" if all(episode.timed for episode in episodes) else "began at"
    verdict = ("alarm",) if judged else ()
    rows: list[tuple[str, ...]] = [(began, "lasted", "source", "kind", "severity", *verdict, "what")]
    for episode in episodes:
        alert = episode.began
        verdict = (_VERDICTS[episode.false],) if judged else ()
        rows.append(
            (
                instant(episode.started_at) if episode.timed else episode.place,
                "to the end" if episode.seconds is None else format_duration(episode.seconds),
                alert.source,
                alert.kind,
                episode.severity,
                *verdict,
                alert.summary,
            )
        )
    return rows
