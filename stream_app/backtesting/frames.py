"""Results of a backtest as frames of the kind that came in, or as plain columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from stream_app.backtesting.episodes import EPISODE_COLUMNS, AlertEpisode
from stream_app.core.arrays import FloatArray
from stream_app.monitors.sensors import EventScores

__all__ = ["PlainColumns", "alert_columns", "alert_frame", "score_columns", "score_frame"]

PlainColumns = dict[str, list[Any]]
"""A table by the names of its columns; pandas and polars make a frame of it."""

_UTC = nw.Datetime("us", "UTC")
_SCHEMA: Mapping[str, Any] = dict.fromkeys(EPISODE_COLUMNS, nw.String) | {
    "started_at": _UTC,
    "ended_at": _UTC,
    "seconds": nw.Float64,
    "before": nw.Float64,
    "after": nw.Float64,
    "row": nw.Int64,
    "false": nw.Boolean,
}


def alert_columns(episodes: Sequence[AlertEpisode]) -> PlainColumns:
    """Return a row per alert as plain columns; times are `datetime`, UTC."""
    rows = [episode.values() for episode in episodes]
    return {name: [row[i] for row in rows] for i, name in enumerate(EPISODE_COLUMNS)}


def alert_frame(episodes: Sequence[AlertEpisode], frame: nw.DataFrame[Any], time: str | None) -> Any:
    """Return a row per alert as a frame of the library of another.

    Parameters
    ----------
    episodes : sequence of AlertEpisode
        The alerts.
    frame : narwhals.DataFrame
        The frame of events.
    time : str or None
        Its column of times. Where that holds datetimes, those of the alerts have its unit and time zone; else they are
        UTC.
    """
    alerts = nw.from_dict(alert_columns(episodes), schema=_SCHEMA, backend=frame.implementation)
    kind = None if time is None else frame.schema[time]
    if isinstance(kind, nw.Datetime):
        moments = nw.col("started_at", "ended_at")
        zone = kind.time_zone
        local = moments.dt.replace_time_zone(None) if zone is None else moments.dt.convert_time_zone(zone)
        alerts = alerts.with_columns(local.cast(kind))
    return alerts.to_native()


def score_columns(sources: Sequence[str], ts: Sequence[Any], scores: EventScores) -> PlainColumns:
    """Return a row per event as plain columns."""
    return {"source": list(sources), "ts": list(ts)} | {
        name: column.tolist() for name, column in _columns(scores).items()
    }


def score_frame(frame: nw.DataFrame[Any], kept: Sequence[str], scores: EventScores) -> Any:
    """Return a row per event as a frame of the library of another, with some of its columns first, and its index."""
    made = [
        nw.new_series(name, column, backend=frame.implementation) for name, column in _columns(scores).items()
    ]
    if not kept:
        return nw.from_dict({one.name: one for one in made}, backend=frame.implementation).to_native()
    return frame.select(kept).with_columns(*made).to_native()


def _columns(scores: EventScores) -> dict[str, FloatArray | Any]:
    names = ("score", "anomaly", "changepoint", "drift")
    return {name: np.ascontiguousarray(getattr(scores, name)) for name in names}
