"""Streams of what entities do, and their feature views."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from stream_app.errors import DataError, SettingsError
from stream_app.events import (
    DecodedRows,
    Format,
    SessionRow,
    decode_mapped,
    decode_sessions,
    read_session,
)
from stream_app.formats import make_format
from stream_app.kinds.kind import Kind
from stream_app.kinds.layouts import session_layout
from stream_app.kinds.sample import ReadSample, sample_rows
from stream_app.settings import SessionStream, Settings

if TYPE_CHECKING:
    from stream_app.core.features import FeatureView
    from stream_app.monitors.sessions import SessionConfig

__all__ = ["SESSIONS", "session_config", "session_configs", "session_rows"]

_LEAST_FUTURE = 60.0
"""Seconds that an event may be ahead of its record where nothing is said: clocks differ."""


def session_configs(settings: Settings, views: "Iterable[FeatureView]" = ()) -> "dict[str, SessionConfig]":
    """Translate the settings of all session streams.

    Parameters
    ----------
    settings : Settings
        The settings.
    views : iterable of FeatureView
        Views beside those of the settings; each says its stream.

    Raises
    ------
    SettingsError
        If a view cannot be made, is there twice or has the name of a stream of sensors, or its stream is not there.
    """
    streams = SESSIONS.streams(settings)
    given: dict[str, list[FeatureView]] = {name: [] for name in streams}
    for view in views:
        if view.stream not in given:
            known = ", ".join(given) or "none"
            raise SettingsError(
                f"feature view {view.key} is of stream {view.stream!r}, which is no stream of sessions; there is {known}"
            )
        given[view.stream].append(view)
    configs = {name: session_config(name, stream, given[name]) for name, stream in streams.items()}
    owners: dict[str, str] = {name: name for name in settings.streams if name not in streams}
    for name, config in configs.items():
        for view in config.views:
            owner = owners.setdefault(view.name, name)
            if owner != name:
                raise SettingsError(
                    f"streams.{name}.views: {view.name} is the name of what stream {owner} is served under; "
                    "choose another"
                )
    return configs


def session_config(name: str, stream: SessionStream, views: "Sequence[FeatureView]" = ()) -> "SessionConfig":
    """Translate the settings of a stream of sessions.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : SessionStream
        Settings of the stream.
    views : sequence of FeatureView
        Views beside those of the settings.

    Raises
    ------
    SettingsError
        If a view cannot be made or is there twice, or there is none.

    Examples
    --------
    >>> view = {"name": "purchases", "features": {"spent_30m": {"sum": "amount", "window": "30m"}}}
    >>> session_config("shop", SessionStream(views=[view])).views[0].features[0].window
    Sliding(seconds=1800.0, delay=0.0)
    """
    from stream_app.kinds.feature_views import feature_view
    from stream_app.monitors.sessions import SessionConfig

    session_layout(name, stream)
    made = tuple(feature_view(f"streams.{name}.views.{i}", name, said) for i, said in enumerate(stream.views))
    if not made and not views:
        raise SettingsError(
            f"streams.{name}.views: a stream of sessions without a feature view tells nothing"
        )
    limits = {value: (limit.min, limit.max) for value, limit in stream.limits.items()}
    every = (*made, *views)
    max_future = stream.max_future
    if max_future is None:
        # An event that is further ahead would make honest ones of its entity late.
        max_future = max(_LEAST_FUTURE, min(view.lateness for view in every))
    try:
        return SessionConfig(every, stream=name, limits=limits, max_future=max_future)
    except DataError as error:
        raise SettingsError(f"streams.{name}.views: {error}") from error


def session_rows(
    name: str, stream: SessionStream, wire: Format | None = None
) -> Callable[[list[Any]], DecodedRows[SessionRow]]:
    """Return what decodes the records of a stream.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : SessionStream
        Settings of the stream.
    wire : Format, optional
        What decodes messages; made of the settings by default.
    """
    wire = wire or make_format(stream.format)
    layout = session_layout(name, stream, wire)
    if layout is None:
        return lambda records: DecodedRows.of(
            decode_sessions([record.value for record in records], key=stream.entity_field)
        )
    return lambda records: decode_mapped(records, layout, read_session, wire)


def sample_sessions(name: str, stream: SessionStream, wire: Format | None = None) -> ReadSample:
    """Return what decodes some records of a stream; for its parameters see `session_rows`."""
    return sample_rows(session_rows(name, stream, wire), lambda row: (row.entity, row.values))


SESSIONS = Kind(
    settings=SessionStream,
    topic=lambda topics: topics.sessions,
    check=session_config,
    agent="stream_app.runtime.assembly:session_agent",
    sample=sample_sessions,
    features="entity",
)
