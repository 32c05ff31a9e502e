"""From the settings of a stream to what its monitor is told."""

from collections.abc import Iterable, Sequence

from stream_app.core.budget import Budget
from stream_app.core.features import (
    AllTime,
    Condition,
    Feature,
    FeatureView,
    Session,
    Sliding,
    Window,
)
from stream_app.errors import DataError, SettingsError, StreamgaugeError
from stream_app.events import Topics
from stream_app.monitors.extra_detectors import ExtraDetector
from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sessions import SessionConfig
from stream_app.settings import (
    ConditionSettings,
    FeatureSettings,
    SensorStream,
    SessionStream,
    Settings,
    StreamSettings,
    ViewSettings,
)

__all__ = ["input_topic", "monitor_config", "session_config", "session_configs"]


def input_topic(stream: StreamSettings, topics: Topics) -> str:
    """Topic that a stream reads."""
    own = {
        "sensors": topics.sensors,
        "images": topics.images,
        "predictions": topics.predictions,
        "sessions": topics.sessions,
    }
    return stream.topic or own[stream.kind]


def monitor_config(name: str, stream: SensorStream) -> SensorConfig:
    """Translate the settings of a stream, and see that its detectors can be made.

    Raises
    ------
    SettingsError
        If they can't: a budget that cannot be read, a detector that does not exist or takes no such parameter.

    Examples
    --------
    >>> monitor_config("pumps", SensorStream(channels=["flow"], budget="1 per week")).channels
    ('flow',)
    """
    config = SensorConfig(
        stream=name,
        channels=stream.channel_names,
        limits=stream.limits,
        budget=stream.budget,
        sources=stream.expected_sources,
        warmup=stream.warmup,
        draws=stream.kind == "images",
        window_seconds=stream.window,
        window_rows=stream.window_rows,
        lateness=stream.lateness,
        max_future=stream.max_future,
        source_ttl=stream.source_ttl,
        silent_after=stream.silent_after,
        cooldown=stream.cooldown,
        resolve_after=stream.resolve_after,
        extra=tuple(ExtraDetector(**detector.model_dump()) for detector in stream.detectors),
    )
    _check_names(name, config)
    try:
        # Without an event nobody would hear of a mistake before the first one comes.
        Budget.parse(config.budget)
        for extra in config.extra:
            extra.build(extra.watched(config.channels or extra.channels or ("any",)))
    except StreamgaugeError as error:
        raise SettingsError(f"streams.{name}: {error}") from error
    except (TypeError, ValueError) as error:
        reason = str(error).rpartition("() ")[2]
        raise SettingsError(f"streams.{name}.detectors: the parameters do not fit: {reason}") from error
    return config


def _check_names(name: str, config: SensorConfig) -> None:
    seen: set[str] = set()
    for extra in config.extra:
        if extra.name in seen:
            raise SettingsError(
                f"streams.{name}.detectors: {extra.name} is there twice; name all its channels in one"
            )
        seen.add(extra.name)
        unknown = set(extra.channels or ()) - set(config.channels or extra.channels or ())
        if unknown:
            raise SettingsError(
                f"streams.{name}.detectors: {extra.name} is for {', '.join(sorted(unknown))}, "
                f"which is none of the channels {', '.join(config.channels or ())}"
            )


def session_configs(settings: Settings, views: Iterable[FeatureView] = ()) -> dict[str, SessionConfig]:
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
    streams = {name: one for name, one in settings.streams.items() if isinstance(one, SessionStream)}
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


def session_config(name: str, stream: SessionStream, views: Sequence[FeatureView] = ()) -> SessionConfig:
    """Translate the settings of a stream of sessions.

    Parameters
    ----------
    name : str
        The stream's.
    stream : SessionStream
        Its settings.
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
    made = tuple(_view(f"streams.{name}.views.{i}", name, said) for i, said in enumerate(stream.views))
    if not made and not views:
        raise SettingsError(
            f"streams.{name}.views: a stream of sessions without a feature view tells nothing"
        )
    limits = {value: (limit.min, limit.max) for value, limit in stream.limits.items()}
    try:
        return SessionConfig((*made, *views), stream=name, limits=limits, max_future=stream.max_future)
    except DataError as error:
        raise SettingsError(f"streams.{name}.views: {error}") from error


def _view(key: str, stream: str, said: ViewSettings) -> FeatureView:
    try:
        return FeatureView(
            said.name,
            tuple(_feature(name, feature) for name, feature in said.features.items()),
            version=said.version,
            stream=stream,
            entity=said.entity,
            where=_conditions(said.where),
            freshness=said.freshness,
            lateness=said.lateness,
            history=said.history,
            ttl=said.ttl,
            max_events=said.max_events,
        )
    except DataError as error:
        raise SettingsError(f"{key}: {error}") from error


def _feature(name: str, said: FeatureSettings) -> Feature:
    window: Window = AllTime()
    if said.window is not None:
        window = Sliding(said.window, said.delay)
    elif said.session is not None:
        window = Session(said.session, said.longest)
    # What an aggregation is called the feature checks itself.
    return Feature(name, said.aggregation, said.field, window, _conditions(said.where), said.ratio)  # type: ignore[arg-type]


def _conditions(said: Sequence[ConditionSettings]) -> tuple[Condition, ...]:
    return tuple(Condition(one.field, one.comparison, one.value) for one in said)
